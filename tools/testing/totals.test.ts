import { describe, expect, test } from "bun:test";
import { judge, skippedNames } from "./totals.ts";

describe("judge", () => {
  const rows: readonly (readonly [
    string,
    string,
    number | undefined,
    { passed: number; failed: number; skipped: number },
    RegExp | undefined,
  ])[] = [
    [
      "all pass",
      "\na.test.ts:\n(pass) x\n\n 3 pass\n 0 fail\n 4 expect() calls\nRan 3 tests across 1 file. [4.00ms]\n",
      0,
      { passed: 3, failed: 0, skipped: 0 },
      undefined,
    ],
    [
      "skipped and todo count as skipped",
      " 1 pass\n 1 skip\n 2 todo\n 0 fail\nRan 4 tests across 1 file. [1ms]\n",
      0,
      { passed: 1, failed: 0, skipped: 3 },
      undefined,
    ],
    [
      "a failure",
      " 0 pass\n 2 fail\nRan 2 tests across 1 file. [1ms]\n",
      1,
      { passed: 0, failed: 2, skipped: 0 },
      undefined,
    ],
    [
      "a file that does not load",
      "error: Cannot find module\n 0 pass\n 1 fail\n 1 error\nRan 1 test across 1 file. [1ms]\n",
      1,
      { passed: 0, failed: 1, skipped: 0 },
      undefined,
    ],
    [
      "a file without tests",
      " 0 pass\n 0 fail\nRan 0 tests across 1 file. [1ms]\n",
      0,
      { passed: 0, failed: 1, skipped: 0 },
      /no test/,
    ],
    [
      "a test that ends the process with 0",
      "\ne.test.ts:\n",
      0,
      { passed: 0, failed: 1, skipped: 0 },
      /without totals \(exit code 0\)/,
    ],
    ["a crash", "\ne.test.ts:\n", undefined, { passed: 0, failed: 1, skipped: 0 }, /killed by a signal/],
    [
      "passes, but the process fails afterwards",
      " 1 pass\n 0 fail\nRan 1 test across 1 file. [1ms]\n",
      7,
      { passed: 1, failed: 1, skipped: 0 },
      /exit code 7/,
    ],
    [
      "totals that a test printed itself before the real ones",
      " 9 pass\nRan 9 tests across 1 file.\n\n 1 pass\n 0 fail\nRan 1 test across 1 file. [1ms]\n",
      0,
      { passed: 1, failed: 0, skipped: 0 },
      undefined,
    ],
    [
      "totals that do not add up",
      " 1 pass\n 0 fail\nRan 2 tests across 1 file. [1ms]\n",
      0,
      { passed: 1, failed: 1, skipped: 0 },
      /do not add up/,
    ],
    ["nothing at all", "", 0, { passed: 0, failed: 1, skipped: 0 }, /without totals/],
  ];
  test.each(rows)("%s", (_name, stderr, exitCode, totals, problem) => {
    const verdict = judge(stderr, exitCode);
    expect({ passed: verdict.passed, failed: verdict.failed, skipped: verdict.skipped }).toEqual(totals);
    if (problem === undefined) expect(verdict.problem).toBeUndefined();
    else expect(verdict.problem).toMatch(problem);
  });
});

test("skipped names are taken once, although bun repeats them at the end of a long run", () => {
  expect(
    skippedNames("(skip) a (needs root)\n(pass) b\n\n1 tests skipped:\n(skip) a (needs root)\n(todo) c\n"),
  ).toEqual(["a (needs root)", "c"]);
});

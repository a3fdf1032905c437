import { describe, expect, test } from "bun:test";
import { runCheck } from "./check.ts";
import type { CheckReport } from "./check.ts";

const good =
  "version: 1\nlisteners: { api: { bind: 127.0.0.1:0, pool: app } }\npools: { app: { endpoints: [127.0.0.1:9001, 127.0.0.1:9002] } }\n";
const bad =
  "version: 1\nlisteners:\n  api: { bind: 127.0.0.1:0, pool: ap }\npools:\n  app:\n    endpoints: [127.0.0.1:9001]\n    reuse: yes\n";

function check(
  text: string | Error,
  { json = false, isTerminal = false } = {},
): { code: number; out: string; err: string } {
  let out = "";
  let err = "";
  const readFile = (): string => {
    if (text instanceof Error) throw text;
    return text;
  };
  const code = runCheck(
    { file: "a.yaml", json },
    { readFile, out: (part) => (out += part), err: (part) => (err += part), isTerminal },
  );
  return { code, out, err };
}

const systemError = (code: string): Error => Object.assign(new Error(`${code}: some words of the system`), { code });

describe("check", () => {
  test("a good file is counted", () =>
    expect(check(good)).toEqual({
      code: 0,
      out: "a.yaml: 1 listener, 1 pool, 2 endpoints: ok\n",
      err: "",
    }));

  test("mistakes are shown with their line, a caret and a hint", () => {
    expect(check(bad)).toEqual({
      code: 1,
      out: "",
      err: `a.yaml:3:35: error: listeners.api.pool: there is no pool "ap"
    3 |   api: { bind: 127.0.0.1:0, pool: ap }
      |                                   ^
        hint: did you mean app?
a.yaml:5:3: warning: pools.app: no listener uses the pool app
    5 |   app:
      |   ^
a.yaml:7:12: error: pools.app.reuse: expected true or false, found "yes"
    7 |     reuse: yes
      |            ^
        hint: did you mean true?
a.yaml: 2 errors, 1 warning
`,
    });
  });

  test("warnings alone leave the exit code 0", () => {
    const { code, out, err } = check(good.replace("pools: {", "pools: { spare: { endpoints: [b:1] },"));
    expect([code, out]).toEqual([0, "a.yaml: 1 listener, 2 pools, 3 endpoints: ok, with 1 warning\n"]);
    expect(err).toStartWith("a.yaml:3:10: warning: pools.spare: no listener uses");
  });

  test("colours are for terminals", () => {
    expect(check(bad).err).not.toContain("\u001b[");
    expect(check(bad, { isTerminal: true }).err).toContain("\u001b[31merror\u001b[0m");
  });

  test("nothing in the file reaches the terminal as a control sequence", () => {
    const { err } = check(`version: 1\n"\u009b31mx\\e[31m": 1\npools: {}\n`);
    expect(err).toContain("\\u009b31m");
    // oxlint-disable-next-line no-control-regex -- this is what must not be there
    expect(err).not.toMatch(/[\u001b\u009b]/);
  });

  test("of a very long line, the part around the caret is shown", () => {
    const { err } = check(
      `version: 1\nlisteners: { ${"x".repeat(5000)}: 1, api: { bind: 127.0.0.1:1, pool: a, nope: 1 } }\npools: { a: { endpoints: ["a:1"] } }\n`,
    );
    expect(
      Math.max(
        ...err
          .split("\n")
          .filter((line) => line.includes(" | "))
          .map((line) => line.length),
      ),
    ).toBeLessThan(140);
    const [source = "", caret = ""] = err.slice(err.indexOf("no key")).split("\n").slice(1, 3);
    expect(source.slice(caret.indexOf("^"))).toStartWith("nope");
  });

  test("--json is the same for programs", () => {
    const failed = JSON.parse(check(bad, { json: true }).out) as CheckReport;
    expect(failed).toMatchObject({ file: "a.yaml", ok: false, errors: 2, warnings: 1 });
    expect(failed.summary).toBeUndefined();
    expect(failed.issues[0]).toEqual({
      severity: "error",
      code: "unknown-pool",
      path: "listeners.api.pool",
      file: "a.yaml",
      line: 3,
      column: 35,
      message: 'there is no pool "ap"',
      hint: "did you mean app?",
    });
    const passed = check(good, { json: true });
    expect([passed.code, passed.err]).toEqual([0, ""]);
    expect(JSON.parse(passed.out)).toEqual({
      file: "a.yaml",
      ok: true,
      errors: 0,
      warnings: 0,
      issues: [],
      summary: { listeners: 1, pools: 1, endpoints: 2 },
    });
  });
});

describe("a file that is none", () => {
  const rows: readonly (readonly [name: string, text: string | Error, line: string])[] = [
    ["missing", systemError("ENOENT"), "a.yaml: error: there is no such file"],
    ["unreadable", systemError("EACCES"), "a.yaml: error: no permission to read the file"],
    ["a folder", systemError("EISDIR"), "a.yaml: error: this is a folder, not a file"],
    [
      "another error of the system",
      systemError("EIO"),
      "a.yaml: error: the file cannot be read: EIO: some words of the system",
    ],
    ["empty", "", "a.yaml: error: the file is empty"],
    ["only blanks", " \n\n", "a.yaml: error: the file is empty"],
    ["binary", "\u007fELF\0\0", "a.yaml: error: this is a binary file, no YAML"],
    ["not UTF-8", "version: 1 # \ufffd", "a.yaml: error: the file is not UTF-8 text"],
    [
      "huge",
      "#".repeat(4 * 1024 * 1024 + 1),
      "a.yaml: error: the file is too large: 4194305 characters, at most 4194304 are read",
    ],
  ];
  for (const [name, text, line] of rows) {
    test(name, () => expect(check(text)).toEqual({ code: 1, out: "", err: `${line}\na.yaml: 1 error\n` }));
    test(`${name}, as JSON`, () => {
      const { code, out, err } = check(text, { json: true });
      expect([code, err]).toEqual([1, ""]);
      expect(JSON.parse(out)).toMatchObject({
        ok: false,
        errors: 1,
        issues: [{ code: "file", line: 1, column: 1 }],
      });
    });
  }
});

import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fixtureView } from "../../test/fixtures/status-view.ts";
import { paintFor, plain } from "./colour.ts";
import { statusLines } from "./status-text.ts";
import { millisText, spanText } from "./words.ts";

const goldenFolder = join(import.meta.dir, "../../test/golden");

/** With UPDATE_GOLDEN=1 the files are written; read the diff before committing it. */
function expectGolden(name: string, text: string): void {
  const file = join(goldenFolder, name);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, "utf8"));
}

describe("status text", () => {
  for (const width of [undefined, 120, 80, 50]) {
    test(`as it was read and found good, ${width ?? "any"} characters wide`, () => {
      expectGolden(
        `status-${width ?? "wide"}.txt`,
        `${statusLines(fixtureView, { width, paint: plain }).join("\n")}\n`,
      );
    });
  }

  for (const width of [60, 80, 100, 200]) {
    test(`no line is wider than ${width}`, () => {
      for (const line of statusLines(fixtureView, { width, paint: plain }))
        expect(line.length).toBeLessThanOrEqual(width);
    });
  }

  test("colours change nothing but colours", () => {
    const paint = paintFor({ isTerminal: true, env: {} });
    // oxlint-disable-next-line no-control-regex
    const stripped = statusLines(fixtureView, { width: 100, paint }).map((line) =>
      line.replace(/\u001b\[[0-9]+m/g, ""),
    );
    expect(stripped).toEqual([...statusLines(fixtureView, { width: 100, paint: plain })]);
  });
});

describe("colours", () => {
  for (const [name, isTerminal, env, isColoured] of [
    ["on a terminal", true, {}, true],
    ["not in a pipe", false, {}, false],
    ["not with NO_COLOR", true, { NO_COLOR: "1" }, false],
    ["an empty NO_COLOR means nothing", true, { NO_COLOR: "" }, true],
    ["not on a dumb terminal", true, { TERM: "dumb" }, false],
  ] as const) {
    test(name, () =>
      expect(paintFor({ isTerminal, env })("red", "x")).toBe(isColoured ? "\u001b[31mx\u001b[39m" : "x"),
    );
  }
});

describe("words", () => {
  for (const [ms, text] of [
    [-5, "0s"],
    [0, "0s"],
    [59_999, "59s"],
    [60_000, "1m"],
    [61_000, "1m 1s"],
    [3_599_000, "59m 59s"],
    [3_600_000, "1h"],
    [86_399_000, "23h 59m"],
    [90_000_000, "1d 1h"],
  ] as const) {
    test(`${ms} ms is ${text}`, () => expect(spanText(ms)).toBe(text));
  }
  for (const [ms, text] of [
    [0.04, "0 ms"],
    [0.34, "0.3 ms"],
    [9.96, "10 ms"],
    [12.4, "12 ms"],
    [1234, "1.2 s"],
  ] as const) {
    test(`a check of ${ms} ms took ${text}`, () => expect(millisText(ms)).toBe(text));
  }
});

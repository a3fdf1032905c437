import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { parseConfig } from "./load.ts";

const full = readFileSync(new URL("../../../examples/full.yaml", import.meta.url), "utf8");

describe("any text", () => {
  const word = fc.constantFrom(
    "version",
    "listeners",
    "pools",
    "api",
    "app",
    "bind",
    "pool",
    "endpoints",
    "health",
    "http",
    "off",
    "1",
    "127.0.0.1:80",
    "2s",
    "<<",
    "*",
    "null",
    "true",
    "__proto__",
    "routes",
    "match",
    "path",
    "/a",
  );
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: "small" },
      word,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.string(),
      fc.array(tie("node"), { maxLength: 4 }),
      fc.dictionary(word, tie("node"), { maxKeys: 5 }),
    ),
  })).node;

  test("never throws, and has an issue where there is no configuration", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({
        unit: fc.constantFrom(
          "\n",
          " ",
          "  ",
          ":",
          "-",
          "- ",
          ": ",
          "{",
          "}",
          "[",
          "]",
          ",",
          "&a ",
          "*a",
          "<<",
          "|",
          ">",
          "#",
          "'",
          '"',
          "!",
          "a",
          "version",
          "1",
          "%",
          "\t",
          "?",
        ),
      }),
      value.map((each) => JSON.stringify(each) ?? ""),
    );
    fc.assert(
      fc.property(text, (each) => {
        const { config, issues } = parseConfig(each, { file: "a" });
        expect(config === undefined).toBe(issues.some(({ severity }) => severity === "error"));
        for (const { line, column } of issues) expect(line >= 1 && column >= 1).toBe(true);
      }),
      { numRuns: 1500 },
    );
  });

  test("a valid file with one value replaced by anything never throws", () => {
    const lines = full.split("\n");
    const spots = [...lines.keys()].filter((index) => /^ *[a-z][A-Za-z]*: +[^#\s]/.test(lines[index] ?? ""));
    fc.assert(
      fc.property(fc.constantFrom(...spots), value, (spot, each) => {
        const text = lines
          .with(
            spot,
            (lines[spot] ?? "").replace(/: .*/, () => `: ${JSON.stringify(each)}`),
          )
          .join("\n");
        const { config, issues } = parseConfig(text, { file: "a" });
        expect(config === undefined).toBe(issues.some(({ severity }) => severity === "error"));
      }),
      { numRuns: 300 },
    );
  });
});

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { parse } from "yaml";
import { readDocument } from "./document.ts";
import { readPlainYaml } from "./plain-yaml.ts";

const example = (name: string): string => readFileSync(new URL(`../../../examples/${name}`, import.meta.url), "utf8");

describe("the plain reader", () => {
  const agree = (text: string): boolean => {
    const plain = readPlainYaml(text);
    if (plain === undefined) return false;
    const { value, problems } = readDocument(text);
    expect(problems).toEqual([]);
    expect<unknown>(plain).toEqual(value);
    expect(JSON.stringify(plain)).toBe(JSON.stringify(parse(text)));
    return true;
  };

  test("reads the examples, as the full parser does", () => {
    for (const name of ["minimal.yaml", "full.yaml", "openstack-keystone.yaml"])
      expect([name, agree(example(name))]).toEqual([name, true]);
  });

  const refused = [
    "a: &b 1",
    "a: *b",
    "a: |\n  b",
    "a: >\n  b",
    "a: b\n  c",
    "a: 1\na: 2",
    "- a\n b: 1",
    "a:\n\t- 1",
    "a: !!str 1",
    "? a\n: b",
    "a: {b: 1,}",
    "a: [1,\n 2]",
    "---\na: 1",
    "a: 1\n---\nb: 1",
    "%YAML 1.2\n---\na: 1",
    "a: 'it''s'",
    'a: "\\n"',
    "a: 1.5",
    "a: 0x10",
    "a: .5",
    "a: -1",
    "<<: { a: 1 }",
    "null: 1",
    "a: b: c",
    "a: b # c\n  d",
    "a: [b: c]",
    "a: {b}",
    "a: ~",
    "a: 1e3",
    "a: #b\n c",
    "a: 'b'c",
    "ä: 1",
    "a : 1",
    "- a: 1\n - b",
    "a:\n  b: 1\n c: 2",
    "1: a",
    "# only a comment",
  ];
  test.each(refused)("leaves %j to the full parser", (text) => expect(readPlainYaml(text)).toBeUndefined());

  test("agrees with the full parser on whatever it reads", () => {
    const piece = fc.constantFrom(
      "a:",
      "b:",
      "c: ",
      "- ",
      "  ",
      "\n",
      "\n",
      "\n  ",
      "\n    ",
      " ",
      "1",
      "x",
      "true",
      "null",
      "off",
      "127.0.0.1:80",
      "2s",
      "20%",
      "{ ",
      " }",
      "[",
      "]",
      ", ",
      "'q'",
      '"r"',
      " # note",
      "#",
      "k: v",
      "k: v\n",
      "- k: v\n",
      "08",
      "0",
      "1.2.3",
      "::",
      "-",
      "a:b",
      "Null",
      "TRUE",
      "12e03",
      "1_000",
      "=",
      "@",
      "%",
      "+1",
      "0o7",
      ".",
      "..",
    );
    let read = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        if (agree(pieces.join(""))) read++;
      }),
      { numRuns: 20_000 },
    );
    // Texts that both refuse prove nothing.
    expect(read).toBeGreaterThan(500);
  });
});

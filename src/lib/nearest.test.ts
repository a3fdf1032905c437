import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { editDistance, nearestWord } from "./nearest.ts";

describe("nearestWord", () => {
  const keys = ["endpoints", "health", "retry", "timeouts", "reuse", "interval"];
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["endpoint", "endpoints"],
    ["enpdoints", "endpoints"],
    ["Health", "health"],
    ["timeout", "timeouts"],
    ["intervall", "interval"],
    ["rety", "retry"],
    ["use", undefined],
    ["banana", undefined],
    ["end", "endpoints"],
    ["en", undefined],
    ["healthcheck", "health"],
    ["", undefined],
    ["x".repeat(500), undefined],
  ];
  for (const [word, expected] of rows)
    test(`${JSON.stringify(word.slice(0, 12))} → ${expected}`, () => expect(nearestWord(word, keys)).toBe(expected!));
  test("the nearest wins, not the first that is near", () =>
    expect(nearestWord("pool-13", ["pool-11", "pool-3", "pool-130", "Pool-13"])).toBe("Pool-13"));
});

test("editDistance agrees with the plain recursive definition", () => {
  function slow(a: string, b: string): number {
    if (a === "" || b === "") return a.length + b.length;
    const cost = a.at(-1) === b.at(-1) ? 0 : 1;
    let least = Math.min(
      slow(a.slice(0, -1), b) + 1,
      slow(a, b.slice(0, -1)) + 1,
      slow(a.slice(0, -1), b.slice(0, -1)) + cost,
    );
    if (a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1))
      least = Math.min(least, slow(a.slice(0, -2), b.slice(0, -2)) + 1);
    return least;
  }
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 5 });
  fc.assert(
    fc.property(word, word, fc.nat(5), (a, b, max) => {
      expect(editDistance(a, b, max)).toBe(Math.min(slow(a, b), max + 1));
    }),
  );
});

import { expect, test } from "bun:test";
import { quantile, summarize } from "./statistics.ts";

const rows: [name: string, values: number[], share: number, expected: number][] = [
  ["the median of an odd count is the middle one", [1, 2, 9], 0.5, 2],
  ["the median of an even count lies between two", [1, 2, 4, 9], 0.5, 3],
  ["one value is every quantile", [7], 0.99, 7],
  ["share 0 is the least", [3, 5, 8], 0, 3],
  ["share 1 is the greatest", [3, 5, 8], 1, 8],
  ["a quartile is interpolated", [0, 10, 20, 30], 0.25, 7.5],
];
for (const [name, values, share, expected] of rows) {
  test(name, () => expect(quantile(values, share)).toBe(expected));
}

test("values need no order and keep theirs", () => {
  const summary = summarize([5, 1, 3]);
  expect(summary).toMatchObject({ median: 3, min: 1, max: 5, values: [5, 1, 3] });
});

test("no values is an error, not a zero", () => expect(() => summarize([])).toThrow("no values"));

import { expect, test } from "bun:test";
import { overdueAfterMs, usualAfter, usualMsAtFirst } from "./overdue.ts";

for (const [usualMs, afterMs] of [
  [0, 200],
  [1, 200],
  [20, 200],
  [30, 300],
  [49.9, 499],
  [50, 500],
  [100, 500],
  [200, 600],
  [20_000, 60_000],
] as const) {
  test(`an answer that usually takes ${usualMs} ms is overdue after ${afterMs} ms`, () => {
    expect(overdueAfterMs(usualMs)).toBeCloseTo(afterMs);
  });
}

test("before the first answer half a second is waited", () => expect(overdueAfterMs(usualMsAtFirst)).toBe(500));

test("a hundred answers are enough to change what is usual", () => {
  let usualMs = usualMsAtFirst;
  for (let i = 0; i < 100; i++) usualMs = usualAfter(usualMs, 2);
  expect(overdueAfterMs(usualMs)).toBe(200);
  for (let i = 0; i < 100; i++) usualMs = usualAfter(usualMs, 1000);
  expect(overdueAfterMs(usualMs)).toBeGreaterThan(2900);
});

import { expect, test } from "bun:test";
import { measure, sumOfEverything } from "./harness.ts";

test("variants that do the same agree, and more work takes longer", () => {
  const sumTo = (limit: number) => (turn: number) => {
    let sum = 0;
    for (let value = 0; value < limit; value++) sum += (value ^ turn) & 1;
    return sum;
  };
  const [once, again, tenfold] = measure(
    [
      { name: "once", run: sumTo(1_000) },
      { name: "again", run: sumTo(1_000) },
      { name: "tenfold", run: sumTo(10_000) },
    ],
    { rounds: 3, turnMs: 5 },
  );
  expect(once?.checksum).toBe(again?.checksum ?? Number.NaN);
  expect(tenfold?.ns.min ?? 0).toBeGreaterThan((once?.ns.min ?? 0) * 2);
  expect(sumOfEverything()).toBeGreaterThan(0);
});

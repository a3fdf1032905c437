import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { noKey } from "./balancer.ts";
import { RandomChoices } from "./random.ts";
import { RunningAttempts } from "./running-attempts.ts";

/** Park and Miller's generator: the same numbers in each run. */
function seeded(seed: number): () => number {
  let state = (seed % 2147483646) + 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return (state - 1) / 2147483646;
  };
}

function make(weights: readonly number[], choices: number, seed: number) {
  const column = new Float64Array(weights.length);
  const running = new RunningAttempts([column], [...weights.keys()]);
  return { column, balancer: new RandomChoices(weights, { choices, running, fraction: seeded(seed) }) };
}

describe("random", () => {
  for (const choices of [1, 2, 5]) {
    test(`${choices} choices: shares of an idle pool follow the weights`, () => {
      const weights = [1, 2, 3, 10, 0.4];
      const { balancer } = make(weights, choices, 7);
      const counts = weights.map(() => 0);
      const times = 200_000;
      for (let turn = 0; turn < times; turn++) counts[balancer.pick()]!++;
      counts.forEach((count, index) => {
        const share = weights[index]! / 16.4;
        // Six standard deviations.
        expect(Math.abs(count / times - share)).toBeLessThan(6 * Math.sqrt((share * (1 - share)) / times));
      });
    });
  }

  test("two choices among two endpoints are both of them", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 256 }), fc.nat(1), (seed, weight, idler) => {
        const { column, balancer } = make([1, weight], 2, seed);
        column[0] = 2;
        column[1] = 2 * weight;
        column[idler]!--;
        expect(balancer.pick()).toBe(idler);
      }),
    );
  });

  test("the busiest of all is never picked with two choices", () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.nat(50), { minLength: 2, maxLength: 20 }), fc.nat(), (seed, running, which) => {
        const { column, balancer } = make(
          running.map(() => 1),
          2,
          seed,
        );
        column.set(running);
        column[which % running.length] = 51;
        for (let turn = 0; turn < 50; turn++) expect(balancer.pick()).not.toBe(which % running.length);
      }),
    );
  });

  test("one endpoint is always picked", () => {
    const { column, balancer } = make([3], 2, 1);
    column[0] = 9;
    expect(balancer.pick()).toBe(0);
  });

  test("a further attempt takes the least busy of the others", () => {
    const { column, balancer } = make([1, 1, 1], 2, 3);
    column.set([0, 2, 1]);
    expect(balancer.pickOther(noKey, 0, Uint8Array.of(1, 0, 0))).toBe(2);
  });
});

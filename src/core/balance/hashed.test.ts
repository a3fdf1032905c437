import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nobody, noKey } from "./balancer.ts";
import { hashText } from "./hash.ts";
import { Hashed, leastBound, loadFactor } from "./hashed.ts";
import { pointsPerWeight } from "./ring.ts";
import { RunningAttempts } from "./running-attempts.ts";

interface Setup {
  readonly weights: readonly number[];
  /** Points follow from the configured pool, which may be larger than what is ready. */
  readonly configured?: readonly number[];
  readonly names?: readonly string[];
  readonly isBounded?: boolean;
}

function make({ weights, configured = weights, names, isBounded = true }: Setup) {
  const column = new Float64Array(weights.length);
  const entries = weights.map((weight, index) => ({ name: names?.[index] ?? `10.0.0.${index}:80`, weight }));
  const balancer = new Hashed(entries, {
    perWeight: pointsPerWeight(
      configured.length,
      configured.reduce((sum, weight) => sum + weight, 0),
    ),
    running: new RunningAttempts([column], [...weights.keys()]),
    isBounded,
    start: 0,
  });
  return { column, balancer, nameOf: (index: number) => entries[index]!.name };
}

const keys = Array.from({ length: 5000 }, (_, index) => hashText(`tenant-${index}`));
const weightLists = fc.array(fc.integer({ min: 1, max: 256 }), { minLength: 2, maxLength: 30 });

describe("hash", () => {
  test("shares follow the weights", () => {
    for (const weights of [
      [1, 1, 1],
      [1, 2, 3, 4],
      [100, 10, 100, 50],
    ]) {
      const { balancer } = make({ weights });
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const counts = weights.map(() => 0);
      for (const key of keys) counts[balancer.pick(key, 0)]!++;
      counts.forEach((count, index) => {
        const share = (keys.length * weights[index]!) / total;
        expect(Math.abs(count - share)).toBeLessThan(0.35 * share);
      });
    }
  });

  test("only the keys of an endpoint that goes move, and they come back with it", () => {
    fc.assert(
      fc.property(weightLists, fc.nat(), (weights, which) => {
        const gone = which % weights.length;
        const all = make({ weights });
        const names = weights.map((_, index) => all.nameOf(index));
        const rest = make({
          weights: weights.toSpliced(gone, 1),
          configured: weights,
          names: names.toSpliced(gone, 1),
        });
        for (const key of keys.slice(0, 500)) {
          const before = all.nameOf(all.balancer.pick(key, 0));
          const after = rest.nameOf(rest.balancer.pick(key, 0));
          if (before !== names[gone]) expect(after).toBe(before);
          else expect(after).not.toBe(before);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("a lower weight only gives keys away", () => {
    const full = make({ weights: [10, 10, 10] });
    const ramping = make({ weights: [1, 10, 10], configured: [10, 10, 10] });
    let kept = 0;
    for (const key of keys) {
      const before = full.balancer.pick(key, 0);
      const after = ramping.balancer.pick(key, 0);
      if (before !== 0) expect(after).toBe(before);
      else if (after === 0) kept++;
    }
    expect(kept).toBeGreaterThan(keys.length / 3 / 20);
    expect(kept).toBeLessThan(keys.length / 3 / 5);
  });

  test("no endpoint ever runs more than its share and a quarter, rounded up, or two", () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(20)), { minLength: 1, maxLength: 150 });
    fc.assert(
      fc.property(weightLists, steps, (weights, log) => {
        const { column, balancer } = make({ weights });
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const open: number[] = [];
        for (const [ends, which] of log) {
          if (ends && open.length > 0) {
            column[open.splice(which % open.length, 1)[0]!]!--;
            continue;
          }
          // Few keys, so that single endpoints are wanted by many.
          const index = balancer.pick(keys[which % 4]!, 0);
          column[index]!++;
          open.push(index);
          const bound = Math.ceil((loadFactor * open.length * weights[index]!) / total - 1e-9);
          expect(column[index]).toBeLessThanOrEqual(Math.max(leastBound, bound));
        }
      }),
      { numRuns: 50 },
    );
  });

  test("`source` is not bounded: an address keeps its endpoint", () => {
    const { column, balancer } = make({ weights: [1, 1, 1], isBounded: false });
    const index = balancer.pick(keys[0]!, 0);
    column[index] = 1000;
    expect(balancer.pick(keys[0]!, 0)).toBe(index);
  });

  test("a key that is a point belongs to that point", () => {
    const { balancer, nameOf } = make({ weights: [1, 1, 1] });
    for (const index of [0, 1, 2])
      for (let point = 0; point < 160; point++)
        expect(balancer.pick(hashText(`${nameOf(index)}#${point}`), 0)).toBe(index);
  });

  test("requests without a key take turns", () => {
    const { balancer } = make({ weights: [1, 1, 1] });
    expect(Array.from({ length: 4 }, () => balancer.pick(noKey, 0))).toEqual([0, 1, 2, 0]);
    expect(balancer.pickOther(noKey, 0, Uint8Array.of(0, 1, 0))).toBe(2);
  });

  test("further attempts go on along the ring: where the key goes when the tried ones are not there", () => {
    const names = ["a", "b", "c", "d"];
    const weights = [1, 1, 1, 1];
    const { balancer } = make({ weights, names });
    for (const key of keys.slice(0, 200)) {
      const tried = new Uint8Array(4);
      let left = names;
      for (let index = balancer.pick(key, 0); index !== nobody; index = balancer.pickOther(key, 0, tried)) {
        const rest = make({ weights: left.map(() => 1), configured: weights, names: left });
        expect(names[index]).toBe(left[rest.balancer.pick(key, 0)]!);
        tried[index] = 1;
        left = left.filter((name) => name !== names[index]);
        if (left.length === 0) break;
      }
      expect(balancer.pickOther(key, 0, tried)).toBe(nobody);
    }
  });
});

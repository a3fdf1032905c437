import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { BalanceConfig } from "../../model/config.ts";
import { EndpointState } from "../../model/snapshot.ts";
import { nobody, noKey } from "./balancer.ts";
import { createBalancer, type ReadyList } from "./create.ts";
import { First } from "./first.ts";
import { PeakLatency } from "./peak-latency.ts";
import { type Candidate, readyEndpoints, ReadyTier } from "./ready.ts";
import { RoundRobin } from "./round-robin.ts";
import { RunningAttempts } from "./running-attempts.ts";

function picks(weights: readonly number[], times: number, start = 0): number[] {
  const balancer = new RoundRobin(weights, start);
  return Array.from({ length: times }, () => balancer.pick());
}

describe("round-robin", () => {
  test("equal weights take turns", () => {
    expect(picks([1, 1, 1], 7)).toEqual([0, 1, 2, 0, 1, 2, 0]);
  });

  test("one endpoint is always picked", () => {
    expect(picks([256], 3)).toEqual([0, 0, 0]);
  });

  test("another start begins with another endpoint", () => {
    expect(picks([1, 1, 1, 1], 2, 0.5)).toEqual([2, 3]);
  });

  for (const weights of [
    [5, 1, 1],
    [1, 2, 3, 4],
    [256, 1],
    [7, 7, 3],
  ]) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    test(`weights ${weights.join(":")} get their share in every ten rounds`, () => {
      const counts = weights.map(() => 0);
      for (const index of picks(weights, total * 10, 0.3)) counts[index]!++;
      counts.forEach((count, index) => expect(Math.abs(count - weights[index]! * 10)).toBeLessThanOrEqual(1));
    });
  }

  test("a heavy endpoint does not get its turns in one row", () => {
    const row = picks([3, 1, 1, 1], 60);
    expect(row.join("")).not.toContain("000");
  });

  test("many rounds later the shares still hold (the virtual times grow)", () => {
    const counts = [0, 0];
    for (const index of picks([2, 1], 3_000_000)) counts[index]!++;
    expect(Math.abs(counts[0]! - 2_000_000)).toBeLessThanOrEqual(2);
  });
});

describe("first", () => {
  const room = [true, true, true];
  const first = new First(3, (index) => room[index]!);
  const pickWith = (...rooms: readonly boolean[]): number => {
    room.splice(0, 3, ...rooms);
    return first.pick();
  };
  test("the first that has room", () => {
    expect(pickWith(true, true, true)).toBe(0);
    expect(pickWith(false, true, true)).toBe(1);
    expect(pickWith(false, false, true)).toBe(2);
  });
  test("when all are full, the first", () => expect(pickWith(false, false, false)).toBe(0));
  test("a further attempt goes to the next with room, to a full one if there is no other", () => {
    room.splice(0, 3, true, false, true);
    expect(first.pickOther(noKey, 0, Uint8Array.of(1, 0, 0))).toBe(2);
    expect(first.pickOther(noKey, 0, Uint8Array.of(1, 0, 1))).toBe(1);
    expect(first.pickOther(noKey, 0, Uint8Array.of(1, 1, 1))).toBe(nobody);
    room.fill(false);
    expect(first.pickOther(noKey, 0, Uint8Array.of(1, 0, 0))).toBe(1);
  });
});

describe("every way of balancing", () => {
  const ways: readonly BalanceConfig[] = [
    { kind: "round-robin" },
    { kind: "least-requests" },
    { kind: "random", choices: 2 },
    { kind: "source" },
    { kind: "hash", by: { from: "path" } },
    { kind: "peak-ewma" },
    { kind: "first" },
  ];
  for (const way of ways) {
    test(`${way.kind}: further attempts visit each endpoint once, whatever runs there`, () => {
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.double({ min: 0.1, max: 256, noNaN: true }), fc.nat(20)), {
            minLength: 1,
            maxLength: 12,
          }),
          fc.integer({ min: -1, max: 2 ** 32 - 1 }),
          fc.double({ min: 0, max: 0.99, noNaN: true }),
          (endpoints, key, fraction) => {
            const balancer = createBalancer(way, readyList(endpoints, fraction));
            const tried = new Uint8Array(endpoints.length);
            const visited: number[] = [];
            for (let index = balancer.pick(key, 0); index !== nobody; index = balancer.pickOther(key, 0, tried)) {
              expect(tried[index]).toBe(0);
              tried[index] = 1;
              visited.push(index);
            }
            expect(visited.toSorted((a, b) => a - b)).toEqual([...endpoints.keys()]);
          },
        ),
      );
    });
  }
});

/** Pairs of weight and running attempts. */
function readyList(endpoints: readonly (readonly [number, number])[], fraction: number): ReadyList {
  return {
    names: endpoints.map((_, index) => `e${index}`),
    weights: endpoints.map(([weight]) => weight),
    running: new RunningAttempts([Float64Array.from(endpoints, ([, running]) => running)], [...endpoints.keys()]),
    latencies: endpoints.map(() => new PeakLatency()),
    hasRoom: (index) => endpoints[index]![1] < 10,
    perWeight: 1,
    fraction: () => fraction,
  };
}

describe("ready endpoints", () => {
  const up: Candidate = { weight: 1, backup: false, state: EndpointState.Up, isResolved: true };
  const down: Candidate = { ...up, state: EndpointState.Down };
  const rows: readonly [string, readonly Candidate[], readonly number[], ReadyTier][] = [
    ["an empty pool has none", [], [], ReadyTier.None],
    ["those that are UP", [up, down, up], [0, 2], ReadyTier.Primary],
    ["backups wait while a primary is UP", [{ ...up, backup: true }, up], [1], ReadyTier.Primary],
    ["backups serve when no primary is UP", [{ ...up, backup: true }, down], [0], ReadyTier.Backup],
    [
      "a primary without weight does not hold the backups back",
      [
        { ...up, weight: 0 },
        { ...up, backup: true },
      ],
      [1],
      ReadyTier.Backup,
    ],
    ["all DOWN is panic, primaries and backups alike", [{ ...down, backup: true }, down], [1, 0], ReadyTier.Panic],
    [
      "panic never takes MAINT or DRAIN",
      [
        { ...up, state: EndpointState.Maint },
        { ...up, state: EndpointState.Drain },
      ],
      [],
      ReadyTier.None,
    ],
    ["panic never takes weight 0", [{ ...down, weight: 0 }], [], ReadyTier.None],
    ["a name without an address cannot be used", [{ ...up, isResolved: false }], [], ReadyTier.None],
  ];
  test("without panic nothing that is DOWN is used", () =>
    expect(readyEndpoints([down, { ...down, backup: true }], false)).toEqual({ indices: [], tier: ReadyTier.None }));
  for (const [name, candidates, indices, tier] of rows) {
    test(name, () => expect(readyEndpoints(candidates, true)).toEqual({ indices, tier }));
  }
});

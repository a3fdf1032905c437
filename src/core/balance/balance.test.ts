import { describe, expect, test } from "bun:test";
import { EndpointState } from "../../model/snapshot.ts";
import { type Candidate, readyEndpoints, ReadyTier } from "./ready.ts";
import { RoundRobin } from "./round-robin.ts";

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
  for (const [name, candidates, indices, tier] of rows) {
    test(name, () => expect(readyEndpoints(candidates, true)).toEqual({ indices, tier }));
  }
});

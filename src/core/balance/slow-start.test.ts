import { describe, expect, test } from "bun:test";
import { mustRamp, rampShare } from "./slow-start.ts";

describe("slow start", () => {
  const rows: readonly (readonly [sinceUpMs: number, slowStartMs: number, share: number])[] = [
    [0, 30_000, 0.1],
    [-20, 30_000, 0.1],
    [15_000, 30_000, 0.55],
    [29_999, 30_000, 1],
    [30_000, 30_000, 1],
    [Infinity, 30_000, 1],
    [0, 0, 1],
  ];
  test.each(rows)("%d ms after it came UP, of %d ms: %d", (sinceUpMs, slowStartMs, share) =>
    expect(rampShare(sinceUpMs, slowStartMs)).toBeCloseTo(share, 4),
  );

  const primary = { backup: false, weight: 1 };
  const backup = { backup: true, weight: 1 };
  test("beside others that serve, there is a ramp", () => expect(mustRamp(primary, [primary])).toBe(true));
  test("into an empty pool there is none", () => expect(mustRamp(primary, [])).toBe(false));
  test("backups do not serve once a primary is there", () => expect(mustRamp(primary, [backup])).toBe(false));
  test("a backup ramps up beside backups", () => expect(mustRamp(backup, [backup, primary])).toBe(true));
  test("an endpoint without weight serves nobody", () =>
    expect(mustRamp(primary, [{ backup: false, weight: 0 }])).toBe(false));
});

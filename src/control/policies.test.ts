import { describe, expect, test } from "bun:test";
import type { ProcessConfig } from "../model/config.ts";
import { capacity, descriptorsWanted, workerCount } from "./capacity.ts";
import { afterDeath, newPast, restartDelayMs } from "./restart-policy.ts";

const process: ProcessConfig = { workers: "auto", connections: 1_000, data: "/", drainMs: 0, watch: false };

describe("capacity", () => {
  test.each([
    [1, 1],
    [2, 2],
    [8, 8],
    [9, 8],
    [0, 1],
  ])("auto on %d cores is %d workers", (cores, workers) => {
    expect(workerCount(process, cores)).toBe(workers);
  });

  test("a number is taken as it is", () => {
    expect(workerCount({ ...process, workers: 12 }, 2)).toBe(12);
  });

  test("an even share of the connections is just enough; a worker may hold as many as its descriptors suffice for", () => {
    const { least } = descriptorsWanted(process, 3);
    expect(capacity(process, 3, { soft: least, hard: least })).toEqual({ workers: 3, workerConnectionsMax: 334 });
  });

  test("with descriptors for all of them, one worker may hold every connection of the node, and no more", () => {
    const { most } = descriptorsWanted(process, 3);
    for (const soft of [most, most * 2])
      expect(capacity(process, 3, { soft, hard: soft }).workerConnectionsMax).toBe(1_000);
    expect(capacity(process, 3, { soft: most - 1, hard: most }).workerConnectionsMax).toBe(999);
  });

  test("one descriptor less: fewer connections, and a line that says what would do", () => {
    const { least } = descriptorsWanted(process, 3);
    const { workerConnectionsMax, warning } = capacity(process, 3, { soft: least - 1, hard: least - 1 });
    expect(workerConnectionsMax).toBe(333);
    expect(warning).toContain(`to ${least}`);
  });

  test("a limit below the reserve leaves one connection, not none or less", () => {
    expect(capacity(process, 1, { soft: 64, hard: 64 }).workerConnectionsMax).toBe(1);
  });
});

describe("restart policy", () => {
  function delays(deaths: readonly { readonly atMs: number; readonly wasReady: boolean }[]): number[] {
    let past = newPast;
    return deaths.map((death) => {
      past = afterDeath(past, death);
      return restartDelayMs(past, death.atMs);
    });
  }

  test("the fifth death in a row before ready holds it down, longer each time, 30 s at most", () => {
    const early = Array.from({ length: 11 }, (_, index) => ({
      atMs: index * 100_000,
      wasReady: false,
    }));
    expect(delays(early)).toEqual([0, 0, 0, 0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  test("having been ready once starts the count anew", () => {
    const deaths = [false, false, false, false, true, false, false, false, false].map((wasReady, index) => ({
      atMs: index * 100_000,
      wasReady,
    }));
    expect(delays(deaths)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  test("twenty deaths after ready within ten seconds hold it down, slower ones do not", () => {
    const everyMs = (intervalMs: number) =>
      Array.from({ length: 20 }, (_, index) => ({ atMs: index * intervalMs, wasReady: true }));
    expect(delays(everyMs(526)).at(-1)).toBe(1_000);
    expect(
      delays(everyMs(526))
        .slice(0, -1)
        .every((delay) => delay === 0),
    ).toBe(true);
    expect(delays(everyMs(527)).at(-1)).toBe(0);
  });
});

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sharedMemory } from "../platform/shared-memory.ts";
import { counterFileBytes, initCounters } from "./counter-file.ts";
import { endpointLimitBase, listenerLimit, listenersMax, limitWords, poolLimitBase, poolsMax } from "./counters.ts";
import { SharedLimits } from "./shared-limits.ts";

function workers(count: number): { columns: Int32Array[]; limits: SharedLimits[] } {
  const columns = Array.from({ length: count }, () => new Int32Array(8));
  return { columns, limits: columns.map((_, index) => new SharedLimits(columns, index)) };
}

describe("shared limits", () => {
  test("as many as the limit says get in, whoever asks; one that leaves makes room for anyone", () => {
    const { limits } = workers(3);
    const entered = [0, 1, 2, 0, 1].map((index) => limits[index]!.tryEnter(5, 3));
    expect(entered).toEqual([true, true, true, false, false]);
    limits[1]!.leave(5);
    expect(limits[2]!.tryEnter(5, 3)).toBe(true);
    expect(limits[0]!.tryEnter(5, 3)).toBe(false);
    expect(limits[0]!.sum(5)).toBe(3);
  });

  test.each([
    [0, false],
    [1, true],
  ])("limit %d lets the first in: %p", (max, expected) => {
    expect(workers(1).limits[0]!.tryEnter(0, max)).toBe(expected);
  });

  test("a limit that was lowered lets nobody in until it is met", () => {
    const { limits } = workers(2);
    for (const one of limits) one.tryEnter(0, 5);
    expect(limits[0]!.tryEnter(0, 1)).toBe(false);
    limits[0]!.leave(0);
    expect(limits[0]!.tryEnter(0, 1)).toBe(false);
    limits[1]!.leave(0);
    expect(limits[0]!.tryEnter(0, 1)).toBe(true);
  });

  test("what was taken back leaves no trace", () => {
    const { columns, limits } = workers(2);
    limits[0]!.tryEnter(3, 1);
    for (let tries = 0; tries < 10; tries++) limits[1]!.tryEnter(3, 1);
    expect(columns.map((column) => column[3])).toEqual([1, 0]);
  });

  test("words are heard of others only", () => {
    const { limits } = workers(2);
    limits[0]!.tell(1, -7);
    expect([limits[0]!.heard(0, 1), limits[1]!.heard(0, 1), limits[0]!.elsewhere(1), limits[1]!.elsewhere(1)]).toEqual([
      0, -7, 0, -7,
    ]);
  });

  test("no two words share a place", () => {
    const words = [0, listenerLimit(0), listenerLimit(listenersMax - 1), endpointLimitBase(0), endpointLimitBase(1)];
    expect(words).toEqual([...new Set(words)].toSorted((a, b) => a - b));
    expect(poolLimitBase(poolsMax - 1) + 2).toBe(limitWords);
    expect(limitWords % 2).toBe(0);
  });

  test("a dead worker's counts are dropped", () => {
    const counters = initCounters(new Uint8Array(counterFileBytes(2)), 2);
    const [dead, alive] = [0, 1].map((index) => new SharedLimits(counters.limits, index)) as [
      SharedLimits,
      SharedLimits,
    ];
    const requests = endpointLimitBase(7);
    for (const word of [requests, poolLimitBase(3)]) for (const one of [dead, alive]) one.tryEnter(word, 10);
    expect([counters.isEndpointBusy(7), counters.isPoolBusy(3)]).toEqual([true, true]);
    counters.retire(0);
    expect([counters.sumLimit(requests), counters.sumLimit(poolLimitBase(3))]).toEqual([1, 1]);
    alive.leave(requests);
    alive.leave(poolLimitBase(3));
    expect([counters.isEndpointBusy(7), counters.isPoolBusy(3)]).toEqual([false, false]);
  });
});

describe("between processes", () => {
  /** Enters and leaves as fast as it can; whoever is in counts itself at word 1 and looks whether it is alone. */
  const racer = `
    import { SharedLimits } from ${JSON.stringify(join(import.meta.dir, "shared-limits.ts"))};
    import { sharedMemory } from ${JSON.stringify(join(import.meta.dir, "../platform/shared-memory.ts"))};
    const [path, index] = process.argv.slice(1);
    const memory = sharedMemory.open(path).value;
    const columns = [0, 1].map((at) => new Int32Array(memory.buffer, memory.byteOffset + at * 64, 16));
    const witness = new Int32Array(memory.buffer, memory.byteOffset + 128, 16);
    const limits = new SharedLimits(columns, Number(index));
    // Both begin together: processes start at different times.
    Atomics.add(witness, 1, 1);
    while (Atomics.load(witness, 1) < 2);
    let entered = 0, refused = 0, most = 0;
    for (const endMs = performance.now() + 700; performance.now() < endMs; ) {
      for (let turn = 0; turn < 200; turn++) {
        if (!limits.tryEnter(0, 1)) { refused++; continue; }
        most = Math.max(most, Atomics.add(witness, 0, 1) + 1);
        Atomics.sub(witness, 0, 1);
        limits.leave(0);
        entered++;
      }
    }
    console.log(JSON.stringify({ entered, refused, most }));
  `;

  test("limit 1 and two processes that enter and leave without pause: never two at once, and none is left out", async () => {
    const folder = mkdtempSync(join(tmpdir(), "wst-limits-"));
    try {
      const path = join(folder, "shared");
      const memory = sharedMemory.create(path, { bytes: 256 });
      if (!memory.ok) throw new Error(memory.text);
      const children = [0, 1].map((index) =>
        Bun.spawn([process.execPath, "-e", racer, path, String(index)], { stdout: "pipe" }),
      );
      const said = await Promise.all(children.map((child) => new Response(child.stdout).text()));
      const results = said.map((text) => JSON.parse(text) as { entered: number; refused: number; most: number });
      for (const { entered, most } of results) {
        expect(most).toBe(1);
        expect(entered).toBeGreaterThan(1000);
      }
      // Otherwise the two have not met.
      expect(results.reduce((sum, { refused }) => sum + refused, 0)).toBeGreaterThan(0);
      expect([...new Int32Array(memory.value.buffer, memory.value.byteOffset, 20)].every((word) => word === 0)).toBe(
        true,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

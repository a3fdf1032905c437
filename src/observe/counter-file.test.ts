import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sharedMemory } from "../platform/shared-memory.ts";
import { type Counters, counterFileBytes, initCounters, openCounters } from "./counter-file.ts";
import { endpointBase, EndpointSlot, endpointsMax, listenerBase, ListenerSlot, WorkerSlot } from "./counters.ts";

function fresh(workers: number): { counters: Counters; memory: Uint8Array<ArrayBuffer> } {
  const memory = new Uint8Array(counterFileBytes(workers));
  return { memory, counters: initCounters(memory, workers) };
}

describe("header", () => {
  test("what was initialised can be opened", () => {
    const opened = openCounters(fresh(3).memory);
    expect(typeof opened === "string" ? opened : opened.workers).toBe(3);
  });

  test.each<[string, (memory: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>, string]>([
    ["an empty file", () => new Uint8Array(0), "shorter than a header"],
    ["zeroes", (memory) => memory.fill(0), "wrong magic"],
    ["another layout", (memory) => patched(memory, 1, 99), "layout version 99"],
    ["no workers", (memory) => patched(memory, 2, 0), "0 workers"],
    ["more workers than there can be", (memory) => patched(memory, 2, 65), "65 workers"],
    ["other slot counts", (memory) => patched(memory, 4, 1), "other slot counts"],
    ["a file that was cut", (memory) => memory.slice(0, memory.length - 8), "shorter than its header says"],
  ])("%s is refused", (_name, spoil, why) => {
    expect(openCounters(spoil(fresh(1).memory))).toContain(why);
  });

  function patched(memory: Uint8Array<ArrayBuffer>, word: number, value: number): Uint8Array<ArrayBuffer> {
    new Uint32Array(memory.buffer)[word] = value;
    return memory;
  }
});

describe("columns", () => {
  const listenerExchanges = listenerBase(2) + ListenerSlot.exchanges;
  const listenerExchangesNow = listenerBase(2) + ListenerSlot.exchangesNow;
  const lastAttempts = endpointBase(endpointsMax - 1) + EndpointSlot.attempts;
  const lastAttemptsNow = endpointBase(endpointsMax - 1) + EndpointSlot.attemptsNow;

  test("retire keeps totals, drops gauges, zeroes the column, and touches no other", () => {
    const { counters } = fresh(2);
    for (const slot of [
      listenerExchanges,
      listenerExchangesNow,
      lastAttempts,
      lastAttemptsNow,
      WorkerSlot.heartbeat,
      WorkerSlot.eventLoopLagMaxMs,
      WorkerSlot.badRequests,
      WorkerSlot.upstreamIdleNow,
    ]) {
      counters.column(0)[slot] = 5;
      counters.column(1)[slot] = 2;
    }
    counters.retire(0);
    expect(counters.column(0).some((value) => value !== 0)).toBe(false);
    for (const total of [listenerExchanges, lastAttempts, WorkerSlot.badRequests]) expect(counters.sum(total)).toBe(7);
    for (const gauge of [
      listenerExchangesNow,
      lastAttemptsNow,
      WorkerSlot.heartbeat,
      WorkerSlot.eventLoopLagMaxMs,
      WorkerSlot.upstreamIdleNow,
    ]) {
      expect(counters.sum(gauge)).toBe(2);
    }
    counters.column(0)[lastAttempts] = 1;
    counters.retire(0);
    expect(counters.sum(lastAttempts)).toBe(8);
  });

  test("a row is busy while any worker has an attempt or a connection there; clearing forgets all columns", () => {
    const { counters } = fresh(2);
    expect(counters.isEndpointBusy(7)).toBe(false);
    counters.column(1)[endpointBase(7) + EndpointSlot.connectionsNow] = 1;
    expect(counters.isEndpointBusy(7)).toBe(true);
    expect(counters.isEndpointBusy(8)).toBe(false);
    counters.column(1)[endpointBase(8) + EndpointSlot.attempts] = 4;
    counters.clearEndpoint(7);
    expect(counters.isEndpointBusy(7)).toBe(false);
    expect(counters.sum(endpointBase(8) + EndpointSlot.attempts)).toBe(4);
  });

  test("there is no column past the workers': the retired one is nobody's", () => {
    const { counters } = fresh(2);
    expect(() => counters.column(2)).toThrow(RangeError);
    expect(() => counters.column(-1)).toThrow(RangeError);
  });
});

describe("between processes", () => {
  const writer = `
    import { openCounters } from ${JSON.stringify(join(import.meta.dir, "counter-file.ts"))};
    import { sharedMemory } from ${JSON.stringify(join(import.meta.dir, "../platform/shared-memory.ts"))};
    const [path, index] = process.argv.slice(1);
    const counters = openCounters(sharedMemory.open(path).value);
    const column = counters.column(Number(index));
    for (let i = 0; i < 100_000; i++) column[6] = column[6] + 1;
    column[1] = 3;
    console.log("done");
    setInterval(() => {}, 1_000_000);
  `;

  test("two workers count at once, one is killed: its total stays, its gauge goes, and its column starts again", async () => {
    const folder = mkdtempSync(join(tmpdir(), "wst-counters-"));
    try {
      const path = join(folder, "shared");
      const memory = sharedMemory.create(path, { bytes: counterFileBytes(2) });
      if (!memory.ok) throw new Error(memory.text);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      const counters = initCounters(memory.value, 2);
      const children = [0, 1].map((index) =>
        Bun.spawn([process.execPath, "-e", writer, path, String(index)], { stdout: "pipe" }),
      );
      for (const child of children)
        expect(new TextDecoder().decode((await child.stdout.getReader().read()).value)).toBe("done\n");
      expect(counters.sum(WorkerSlot.badRequests)).toBe(200_000);
      expect(counters.sum(WorkerSlot.connectionsNow)).toBe(6);
      children[0]!.kill("SIGKILL");
      await children[0]!.exited;
      counters.retire(0);
      expect(counters.sum(WorkerSlot.badRequests)).toBe(200_000);
      expect(counters.sum(WorkerSlot.connectionsNow)).toBe(3);
      children[1]!.kill("SIGKILL");
      await children[1]!.exited;
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("a new file under the same name leaves those who map the old one alone", () => {
    const folder = mkdtempSync(join(tmpdir(), "wst-counters-"));
    try {
      const path = join(folder, "shared");
      const first = sharedMemory.create(path, { bytes: 64 });
      if (!first.ok) throw new Error(first.text);
      first.value[0] = 42;
      const second = sharedMemory.create(path, { bytes: 64 });
      if (!second.ok) throw new Error(second.text);
      expect([first.value[0], second.value[0]]).toEqual([42, 0]);
      expect(sharedMemory.open(join(folder, "none"))).toMatchObject({ ok: false, code: "ENOENT" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

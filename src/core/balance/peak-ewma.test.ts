import { describe, expect, test } from "bun:test";
import { nobody, noKey } from "./balancer.ts";
import { PeakEwma } from "./peak-ewma.ts";
import { PeakLatency } from "./peak-latency.ts";
import { exactReadsMax, RunningAttempts } from "./running-attempts.ts";

function make(weights: readonly number[]) {
  const column = new Float64Array(weights.length);
  const latencies = weights.map(() => new PeakLatency());
  const running = new RunningAttempts([column], [...weights.keys()]);
  return { column, latencies, balancer: new PeakEwma(weights, { latencies, running, start: 0 }) };
}

describe("the latency of an endpoint", () => {
  test("jumps up to a slower answer at once and comes down with time", () => {
    const latency = new PeakLatency();
    latency.answered(10, 0);
    latency.answered(200, 0);
    latency.answered(10, 0);
    expect(latency.at(0)).toBe(200);
    expect(latency.at(10_000)).toBeCloseTo(200 / Math.E, 6);
    latency.answered(10, 60_000);
    expect(latency.at(60_000)).toBe(10);
  });

  test("a look does not change what another look finds", () => {
    const [looked, left] = [new PeakLatency(), new PeakLatency()];
    for (const each of [looked, left]) each.answered(100, 0);
    for (let nowMs = 20; nowMs < 5000; nowMs += 20) looked.at(nowMs);
    expect(looked.at(5000)).toBeCloseTo(left.at(5000), 9);
  });

  test("a failure counts as a second at least", () => {
    const latency = new PeakLatency();
    latency.failed(1, 0);
    expect(latency.at(0)).toBe(1000);
    latency.failed(3000, 0);
    expect(latency.at(0)).toBe(3000);
  });

  test("a clock that stands still or is read out of order is no harm", () => {
    const latency = new PeakLatency();
    latency.answered(100, 1000);
    expect(latency.at(980)).toBe(100);
  });
});

describe("peak-ewma", () => {
  test("the faster endpoint is preferred until it is busier by as much as it is faster", () => {
    const { column, latencies, balancer } = make([1, 1]);
    latencies[0]!.answered(10, 0);
    latencies[1]!.answered(40, 0);
    for (let turn = 0; turn < 10; turn++) column[balancer.pick(noKey, 0)]!++;
    expect([...column]).toEqual([8, 2]);
  });

  test("with equal latencies, running attempts follow the weights", () => {
    const { column, latencies, balancer } = make([1, 2, 5]);
    for (const latency of latencies) latency.answered(10, 0);
    for (let turn = 0; turn < 80; turn++) column[balancer.pick(noKey, 0)]!++;
    expect([...column]).toEqual([10, 20, 50]);
  });

  test("endpoints that nobody knows get one attempt each to begin with", () => {
    const { column, latencies, balancer } = make([1, 1, 1]);
    latencies[1]!.answered(5, 0);
    for (let turn = 0; turn < 6; turn++) column[balancer.pick(noKey, 0)]!++;
    expect([...column]).toEqual([1, 4, 1]);
  });

  test("a slow endpoint is tried again after a while", () => {
    const { latencies, balancer } = make([1, 1]);
    latencies[0]!.answered(10, 0);
    latencies[1]!.answered(500, 0);
    expect(balancer.pick(noKey, 10_000)).toBe(0);
    latencies[0]!.answered(10, 50_000);
    expect(balancer.pick(noKey, 50_000)).toBe(1);
  });

  test("a further attempt goes to the best of the others", () => {
    const { latencies, balancer } = make([1, 1, 1]);
    latencies.forEach((latency, index) => latency.answered(10 * (index + 1), 0));
    expect(balancer.pickOther(noKey, 0, Uint8Array.of(1, 0, 0))).toBe(1);
    expect(balancer.pickOther(noKey, 0, Uint8Array.of(1, 1, 1))).toBe(nobody);
  });

  test("a pool too large to be looked at whole avoids who is slow", () => {
    const { latencies, balancer } = make(Array.from({ length: exactReadsMax + 1 }, () => 1));
    latencies.forEach((latency, index) => latency.answered(index % 2 === 0 ? 100 : 1, 0));
    for (let turn = 0; turn < 1000; turn++) expect(balancer.pick(noKey, 0) % 2).toBe(1);
  });
});

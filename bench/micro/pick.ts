/**
 * What a pick costs, for every way of balancing and some sizes of pools. Half of the endpoints are busy, weights are equal
 * (`weighted`: 1 to 4), and two workers count. `round-robin` is the line that others are compared with.
 */
import { createBalancer } from "../../src/core/balance/create.ts";
import { PeakLatency } from "../../src/core/balance/peak-latency.ts";
import { pointsPerWeight } from "../../src/core/balance/ring.ts";
import { RunningAttempts } from "../../src/core/balance/running-attempts.ts";
import type { BalanceConfig } from "../../src/model/config.ts";
import { columnSlots, endpointBase, EndpointSlot } from "../../src/observe/counters.ts";
import { compare, type Variant } from "./harness.ts";

const ways: readonly (readonly [name: string, balance: BalanceConfig])[] = [
  ["round-robin", { kind: "round-robin" }],
  ["least-requests", { kind: "least-requests" }],
  ["random", { kind: "random", choices: 2 }],
  ["source", { kind: "source" }],
  ["hash", { kind: "hash", by: { from: "path" } }],
  ["peak-ewma", { kind: "peak-ewma" }],
  ["first", { kind: "first" }],
];

const columns = [new Float64Array(columnSlots), new Float64Array(columnSlots)];

function variant(title: string, balance: BalanceConfig, weights: readonly number[]): Variant {
  const slots = weights.map((_, row) => endpointBase(row) + EndpointSlot.attemptsNow);
  slots.forEach((slot, index) => {
    columns[0]![slot] = index % 2;
    columns[1]![slot] = 1;
  });
  const latencies = weights.map((_, index) => {
    const latency = new PeakLatency();
    latency.answered(1 + (index % 7), 0);
    return latency;
  });
  const balancer = createBalancer(balance, {
    names: weights.map((_, index) => `10.0.${index >> 8}.${index & 255}:8080`),
    weights,
    running: new RunningAttempts(columns, slots),
    latencies,
    hasRoom: (index) => columns[0]![slots[index]!] === 0,
    perWeight: pointsPerWeight(
      weights.length,
      weights.reduce((sum, weight) => sum + weight, 0),
    ),
    fraction: Math.random,
  });
  // The coarse clock of a worker that serves 50 000 requests/s moves once in a thousand picks.
  return { name: title, run: (turn) => balancer.pick(Math.imul(turn, 0x9e3779b1) >>> 0, Math.floor(turn / 1000) * 20) };
}

for (const size of [2, 10, 100, 1000]) {
  const even = Array.from({ length: size }, () => 1);
  const weighted = Array.from({ length: size }, (_, index) => 1 + (index % 4));
  compare(
    `a pick among ${size} endpoints`,
    [
      ...ways.map(([name, balance]) => variant(name, balance, even)),
      ...ways.slice(0, 2).map(([name, balance]) => variant(`${name}, weighted`, balance, weighted)),
    ],
    { rounds: 5, turnMs: 10 },
  );
}

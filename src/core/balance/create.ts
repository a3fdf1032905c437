import type { BalanceConfig } from "../../model/config.ts";
import type { Balancer } from "./balancer.ts";
import { First } from "./first.ts";
import { Hashed } from "./hashed.ts";
import { LeastRequests } from "./least-requests.ts";
import { PeakEwma } from "./peak-ewma.ts";
import type { PeakLatency } from "./peak-latency.ts";
import { RandomChoices } from "./random.ts";
import { RoundRobin } from "./round-robin.ts";
import type { RunningAttempts } from "./running-attempts.ts";

/** What a balancer may know of the ready endpoints; an index means the same in all of it. */
export interface ReadyList {
  readonly names: readonly string[];
  /** Effective ones, each above 0. */
  readonly weights: readonly number[];
  readonly running: RunningAttempts;
  readonly latencies: readonly PeakLatency[];
  readonly hasRoom: (index: number) => boolean;
  /** `pointsPerWeight` of the pool as it is configured. */
  readonly perWeight: number;
  /** A random number in [0, 1). */
  readonly fraction: () => number;
}

/** `ready` holds at least one endpoint. */
export function createBalancer(balance: BalanceConfig, ready: ReadyList): Balancer {
  const { names, weights, running, latencies, hasRoom, perWeight, fraction } = ready;
  switch (balance.kind) {
    case "round-robin":
      return new RoundRobin(weights, fraction());
    case "least-requests":
      return new LeastRequests(weights, running, fraction());
    case "random":
      return new RandomChoices(weights, { choices: balance.choices, running, fraction });
    case "peak-ewma":
      return new PeakEwma(weights, { latencies, running, start: fraction() });
    case "first":
      return new First(weights.length, hasRoom);
    case "source":
    case "hash": {
      const entries = names.map((name, index) => ({ name, weight: weights[index]! }));
      return new Hashed(entries, { perWeight, running, isBounded: balance.kind === "hash", start: fraction() });
    }
    default:
      return balance satisfies never;
  }
}

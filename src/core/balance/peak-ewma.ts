import { type Balancer, nobody } from "./balancer.ts";
import type { PeakLatency } from "./peak-latency.ts";
import { RoundRobin } from "./round-robin.ts";
import { exactReadsMax, type RunningAttempts, sampleMax } from "./running-attempts.ts";

/** An endpoint of which nothing is known and where something already runs comes last. */
const unknownMs = 1e9;

/**
 * The endpoint at which an exchange would be done soonest: its recent latency, as this worker has seen it, times the
 * attempts that run there (over all workers), for its weight. Endpoints that nobody knows yet get one attempt to begin
 * with. A pool too large to be looked at whole gets the best of the next `sampleMax` in turn.
 */
export class PeakEwma implements Balancer {
  readonly #weights: Float64Array;
  readonly #latencies: readonly PeakLatency[];
  readonly #running: RunningAttempts;
  readonly #turns: RoundRobin | undefined;
  #next: number;

  /** `latencies[index]` outlives this object; `start` in [0, 1) varies where the turn begins. */
  constructor(
    weights: readonly number[],
    options: {
      readonly latencies: readonly PeakLatency[];
      readonly running: RunningAttempts;
      readonly start: number;
    },
  ) {
    this.#weights = Float64Array.from(weights);
    this.#latencies = options.latencies;
    this.#running = options.running;
    this.#turns = options.running.reads > exactReadsMax ? new RoundRobin(weights, options.start) : undefined;
    this.#next = Math.floor(options.start * weights.length);
  }

  pick(_key: number, nowMs: number): number {
    const count = this.#weights.length;
    const turns = this.#turns;
    const looks = turns === undefined ? count : sampleMax;
    let best = 0;
    let bestCost = Infinity;
    for (let step = 0, index = this.#next; step < looks; step++) {
      if (turns !== undefined) index = turns.pick();
      const cost = this.#costOf(index, nowMs);
      if (cost < bestCost) {
        best = index;
        bestCost = cost;
      }
      if (++index === count) index = 0;
    }
    this.#next = best + 1 === count ? 0 : best + 1;
    return best;
  }

  pickOther(_key: number, nowMs: number, tried: Uint8Array): number {
    let best = nobody;
    let bestCost = Infinity;
    for (let index = 0; index < this.#weights.length; index++) {
      const cost = tried[index] === 1 ? Infinity : this.#costOf(index, nowMs);
      if (cost < bestCost) {
        best = index;
        bestCost = cost;
      }
    }
    return best;
  }

  #costOf(index: number, nowMs: number): number {
    const latency = this.#latencies[index]!;
    const running = this.#running.at(index);
    if (!latency.isKnown) return running === 0 ? 0 : (unknownMs * (running + 1)) / this.#weights[index]!;
    return (latency.at(nowMs) * (running + 1)) / this.#weights[index]!;
  }
}

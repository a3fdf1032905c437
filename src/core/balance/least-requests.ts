import { type Balancer, nobody } from "./balancer.ts";
import { RoundRobin } from "./round-robin.ts";
import { exactReadsMax, type RunningAttempts, sampleMax } from "./running-attempts.ts";

/**
 * The endpoint with the fewest running attempts for its weight, counted over all workers. Among equals it goes by turns,
 * each as often as its weight says: an idle pool is round-robin. A pool too large to be looked at whole
 * (`exactReadsMax`) gets the least busy of the next `sampleMax` in turn.
 */
export class LeastRequests implements Balancer {
  readonly #running: RunningAttempts;
  readonly #weights: Float64Array;
  readonly #isEven: boolean;
  readonly #turns: RoundRobin | undefined;
  /** Equal weights: where the next look begins. */
  #next: number;
  /**
   * Different weights: the virtual time of each endpoint's next turn, 1/weight apart, and that of the last one picked.
   * Who was passed over for long because it was busy is not owed more than one turn.
   */
  readonly #turn: Float64Array;
  #lastTurn = 0;

  /** `start` in [0, 1) varies where the turn begins. */
  constructor(weights: readonly number[], running: RunningAttempts, start: number) {
    this.#running = running;
    this.#weights = Float64Array.from(weights);
    this.#isEven = weights.every((weight) => weight === weights[0]);
    this.#turns = running.reads > exactReadsMax ? new RoundRobin(weights, start) : undefined;
    this.#next = Math.floor(start * weights.length);
    this.#turn = Float64Array.from(weights, (weight, index) => ((index * 0.618 + start) % 1) / weight);
  }

  pick(): number {
    if (this.#turns !== undefined) return this.#leastOfNext(this.#turns);
    return this.#isEven ? this.#leastEven() : this.#leastWeighted();
  }

  /** The first idle one ends the search, so a pool with little to do costs one look. */
  #leastEven(): number {
    const count = this.#weights.length;
    let least = this.#next;
    let leastRunning = Infinity;
    for (let step = 0, index = least; step < count; step++) {
      const running = this.#running.at(index);
      if (running < leastRunning) {
        least = index;
        leastRunning = running;
        if (running === 0) break;
      }
      if (++index === count) index = 0;
    }
    this.#next = least + 1 === count ? 0 : least + 1;
    return least;
  }

  #leastWeighted(): number {
    const weights = this.#weights;
    const turn = this.#turn;
    let least = 0;
    let leastLoad = Infinity;
    for (let index = 0; index < weights.length; index++) {
      // A quotient and no product with 1/weight: equal loads must give equal numbers.
      const load = this.#running.at(index) / weights[index]!;
      if (load < leastLoad || (load === leastLoad && turn[index]! < turn[least]!)) {
        least = index;
        leastLoad = load;
      }
    }
    this.#lastTurn = Math.max(this.#lastTurn, turn[least]!);
    turn[least] = this.#lastTurn + 1 / weights[least]!;
    return least;
  }

  #leastOfNext(turns: RoundRobin): number {
    let least = 0;
    let leastLoad = Infinity;
    for (let seen = 0; seen < sampleMax && leastLoad > 0; seen++) {
      const index = turns.pick();
      const load = this.#running.at(index) / this.#weights[index]!;
      if (load < leastLoad) {
        least = index;
        leastLoad = load;
      }
    }
    return least;
  }

  /** A further attempt is rare: it looks at all of them. */
  pickOther(_key: number, _nowMs: number, tried: Uint8Array): number {
    const weights = this.#weights;
    let least = nobody;
    let leastLoad = Infinity;
    for (let step = 0, index = this.#next; step < weights.length; step++) {
      const load = tried[index] === 1 ? Infinity : this.#running.at(index) / weights[index]!;
      if (load < leastLoad) {
        least = index;
        leastLoad = load;
      }
      if (++index === weights.length) index = 0;
    }
    if (least !== nobody) this.#next = least + 1 === weights.length ? 0 : least + 1;
    return least;
  }
}

import { type Balancer, nobody, noKey } from "./balancer.ts";
import { Ring, type RingEntry } from "./ring.ts";
import { RoundRobin } from "./round-robin.ts";
import { exactReadsMax, type RunningAttempts } from "./running-attempts.ts";

/** How much more than its share an endpoint may carry before its keys go on to the next one of the ring. */
export const loadFactor = 1.25;

/**
 * What an endpoint may always run. One would be too little: a client asks again as soon as it has its answer, and another
 * worker may take that request while the first one still counts the attempt that has just ended.
 */
export const leastBound = 2;

/**
 * The same endpoint for the same key. With `isBounded`, an endpoint that already runs its share × `loadFactor` (rounded
 * up, `leastBound` at least) of all attempts of the pool is passed by and the next one of the ring is asked: a key that everybody wants at once
 * cannot overload its endpoint (Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2018). So where
 * nothing or little else runs, attempts that run at once for one key are spread. Requests without a key take turns.
 */
export class Hashed implements Balancer {
  readonly #ring: Ring;
  readonly #turns: RoundRobin;
  readonly #running: RunningAttempts;
  readonly #isBounded: boolean;
  /** Of each endpoint, `loadFactor` included. */
  readonly #shares: Float64Array;
  readonly #isLarge: boolean;
  #total = 0;
  #totalAtMs = -Infinity;

  constructor(
    entries: readonly RingEntry[],
    options: {
      readonly perWeight: number;
      readonly running: RunningAttempts;
      readonly isBounded: boolean;
      readonly start: number;
    },
  ) {
    this.#ring = new Ring(entries, options.perWeight);
    this.#turns = new RoundRobin(
      entries.map(({ weight }) => weight),
      options.start,
    );
    this.#running = options.running;
    this.#isBounded = options.isBounded;
    const weightSum = entries.reduce((sum, { weight }) => sum + weight, 0);
    this.#shares = Float64Array.from(entries, ({ weight }) => (weight * loadFactor) / weightSum);
    this.#isLarge = options.running.reads > exactReadsMax;
  }

  pick(key: number, nowMs: number): number {
    if (key === noKey) return this.#turns.pick();
    const first = this.#ring.placeOf(key);
    const owner = this.#ring.ownerAt(first);
    if (!this.#isBounded || this.#running.at(owner) < leastBound) return owner;
    const total = this.#totalAt(nowMs) + 1;
    let place = first;
    for (let step = 0; step < this.#ring.length; step++) {
      const index = this.#ring.ownerAt(place);
      if (this.#hasShare(index, total)) return index;
      place = this.#ring.next(place);
    }
    // Only numbers that changed while they were read lead here.
    return owner;
  }

  /** On along the ring: where the keys would go if the tried endpoints were not there. Their load is no bound any more. */
  pickOther(key: number, nowMs: number, tried: Uint8Array): number {
    if (key === noKey) return this.#turns.pickOther(key, nowMs, tried);
    let place = this.#ring.placeOf(key);
    for (let step = 0; step < this.#ring.length; step++) {
      const index = this.#ring.ownerAt(place);
      if (tried[index] !== 1) return index;
      place = this.#ring.next(place);
    }
    return nobody;
  }

  #hasShare(index: number, total: number): boolean {
    // Rounded up, with something off for shares such as 1/3 that are no exact numbers.
    return this.#running.at(index) < Math.max(leastBound, Math.ceil(this.#shares[index]! * total - 1e-9));
  }

  /** Exact; in a pool too large to be added up for each request, as old as `nowMs`. */
  #totalAt(nowMs: number): number {
    if (this.#isLarge && nowMs === this.#totalAtMs) return this.#total;
    this.#totalAtMs = nowMs;
    this.#total = this.#running.total();
    return this.#total;
  }
}

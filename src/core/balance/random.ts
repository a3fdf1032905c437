import { type Balancer, nobody } from "./balancer.ts";
import type { RunningAttempts } from "./running-attempts.ts";

/**
 * Draws some endpoints, each as likely as its weight says, and takes the one with the fewest running attempts for its
 * weight. Two draws are nearly as good as a look at all of them, whatever the size of the pool, and workers or nodes that
 * do not know of each other do not all run to the same endpoint. (Mitzenmacher, "The power of two choices", 2001.)
 */
export class RandomChoices implements Balancer {
  readonly #weights: Float64Array;
  /** `#sums[index]`: the weights up to and including that of `index`. */
  readonly #sums: Float64Array;
  readonly #choices: number;
  readonly #running: RunningAttempts;
  readonly #fraction: () => number;

  /** `choices` from 1; `fraction` gives a random number in [0, 1). */
  constructor(
    weights: readonly number[],
    options: { readonly choices: number; readonly running: RunningAttempts; readonly fraction: () => number },
  ) {
    this.#weights = Float64Array.from(weights);
    let sum = 0;
    this.#sums = Float64Array.from(weights, (weight) => (sum += weight));
    this.#choices = options.choices;
    this.#running = options.running;
    this.#fraction = options.fraction;
  }

  pick(): number {
    const total = this.#sums.at(-1)!;
    let best = this.#indexOf(this.#fraction() * total);
    if (this.#choices === 1 || this.#weights.length === 1) return best;
    let bestLoad = this.#loadOf(best);
    for (let drawn = 1; drawn < this.#choices && bestLoad > 0; drawn++) {
      // Among the others: the place of the best so far is left out of the line.
      const weight = this.#weights[best]!;
      let place = this.#fraction() * (total - weight);
      if (place >= this.#sums[best]! - weight) place += weight;
      const other = this.#indexOf(place);
      const load = this.#loadOf(other);
      if (load < bestLoad) {
        best = other;
        bestLoad = load;
      }
    }
    return best;
  }

  /** A further attempt is rare: the least busy of all others, the search beginning anywhere. */
  pickOther(_key: number, _nowMs: number, tried: Uint8Array): number {
    const count = this.#weights.length;
    let least = nobody;
    let leastLoad = Infinity;
    for (let step = 0, index = Math.floor(this.#fraction() * count); step < count; step++) {
      const load = tried[index] === 1 ? Infinity : this.#loadOf(index);
      if (load < leastLoad) {
        least = index;
        leastLoad = load;
      }
      if (++index === count) index = 0;
    }
    return least;
  }

  #loadOf(index: number): number {
    return this.#running.at(index) / this.#weights[index]!;
  }

  /** Whose part of the line of weights `place` lies in. */
  #indexOf(place: number): number {
    const sums = this.#sums;
    let low = 0;
    // Rounding may put a place at the very end.
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (place < sums[middle]!) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

import { type Balancer, nobody } from "./balancer.ts";

/**
 * Weighted round-robin, smooth: an endpoint with weight 5 among 1s is picked every other time or so, never five times in
 * a row. Each endpoint has the virtual time of its next turn, 1/weight apart; the earliest is picked. The endpoints stand
 * in a binary heap by that time, so a pick among a thousand costs ten comparisons. With equal weights a counter does.
 * (Virtual deadlines after: Zhang, "VirtualClock", 1990.)
 */
export class RoundRobin implements Balancer {
  readonly #isEven: boolean;
  readonly #count: number;
  #next: number;
  readonly #step: Float64Array;
  readonly #turn: Float64Array;
  readonly #heap: Int32Array;

  /**
   * `weights` are those of the ready endpoints, each above 0, at least one of them. `start` in [0, 1) varies where the
   * turn begins, so that several workers do not all begin with the same endpoint.
   */
  constructor(weights: readonly number[], start: number) {
    this.#count = weights.length;
    this.#isEven = weights.every((weight) => weight === weights[0]);
    this.#next = Math.floor(start * weights.length);
    this.#step = Float64Array.from(weights, (weight) => 1 / weight);
    // First turns are spread over the first round: a half step in, shifted by `start`.
    this.#turn = Float64Array.from(weights, (weight, index) => ((((index * 0.618 + start) % 1) + 0.5) % 1) / weight);
    this.#heap = Int32Array.from(weights.keys()).sort((a, b) => this.#turn[a]! - this.#turn[b]!);
  }

  /** Index of the endpoint whose turn it is, among those the weights were given for. */
  pick(): number {
    if (this.#isEven) {
      const index = this.#next;
      this.#next = index + 1 === this.#count ? 0 : index + 1;
      return index;
    }
    const index = this.#heap[0]!;
    this.#turn[index] = this.#turn[index]! + this.#step[index]!;
    this.#sink();
    return index;
  }

  /** A heavy endpoint may have many turns before another one's: after a round for each, the list is searched. */
  pickOther(_key: number, _nowMs: number, tried: Uint8Array): number {
    for (let turn = 0; turn < this.#count; turn++) {
      const index = this.pick();
      if (tried[index] !== 1) return index;
    }
    for (let index = 0; index < this.#count; index++) if (tried[index] !== 1) return index;
    return nobody;
  }

  /** The first of the heap has got a later turn: moves it down to its place. */
  #sink(): void {
    const heap = this.#heap;
    const turn = this.#turn;
    const moved = heap[0]!;
    const movedTurn = turn[moved]!;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && turn[heap[child + 1]!]! < turn[heap[child]!]!) child++;
      if (turn[heap[child]!]! >= movedTurn) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = moved;
  }
}

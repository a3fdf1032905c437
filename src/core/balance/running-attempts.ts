/**
 * How many attempts run at each ready endpoint, over all workers of the node. Nothing is kept here: every worker counts
 * its own attempts in its own column of the shared counters, and a look adds them up, so what one worker has begun is
 * seen by the next pick of any other.
 */
export class RunningAttempts {
  readonly #columns: readonly Float64Array[];
  readonly #slots: Int32Array;

  /** `slots[index]` is the place of that endpoint's number in each of `columns`. */
  constructor(columns: readonly Float64Array[], slots: readonly number[]) {
    this.#columns = columns;
    this.#slots = Int32Array.from(slots);
  }

  /** Numbers that have to be read to see all endpoints once. */
  get reads(): number {
    return this.#columns.length * this.#slots.length;
  }

  at(index: number): number {
    const columns = this.#columns;
    const slot = this.#slots[index]!;
    let sum = 0;
    for (let worker = 0; worker < columns.length; worker++) sum += columns[worker]![slot]!;
    return sum;
  }

  /** Over all of the ready endpoints. */
  total(): number {
    let sum = 0;
    for (let index = 0; index < this.#slots.length; index++) sum += this.at(index);
    return sum;
  }
}

/**
 * Up to this many numbers, a pick looks at every endpoint: 256 endpoints with one worker, 32 with eight. Above it, it
 * looks at `sampleMax` of them, so that a request does not pay for the size of its pool. (bench/micro/pick.ts: 0.4 µs for
 * a hundred endpoints and two workers; five by weighted turns out of a thousand 0.6 µs, sixteen would be 1.9.)
 */
export const exactReadsMax = 256;
export const sampleMax = 5;

/**
 * Counts that are limited for the whole node, in shared memory. Each worker has a column and writes only its own, so that
 * the counts of one that was killed can be dropped.
 *
 * To enter, a worker adds to its own column and then sums all of them; if that is too much, it takes back. Atomics.add is
 * a full fence: of two workers that enter at once, the one whose addition is later in memory order sees the other's. So
 * the sum of those who were let in never exceeds the limit. The price is that both may see too much and both take back;
 * they try again a few times.
 */
const triesMax = 8;

export class SharedLimits {
  readonly #columns: readonly Int32Array[];
  readonly #own: Int32Array;
  readonly #index: number;

  /** `index`: which of the columns is this worker's. */
  constructor(columns: readonly Int32Array[], index: number) {
    const own = columns[index];
    if (own === undefined) throw new RangeError(`no column ${index}`);
    this.#columns = columns;
    this.#own = own;
    this.#index = index;
  }

  get workers(): number {
    return this.#columns.length;
  }

  /** Counts one more at `word`, unless there are `max` already in all workers. */
  tryEnter(word: number, max: number): boolean {
    const own = this.#own;
    if (own[word]! >= max) return false;
    for (let tries = 1; ; tries++) {
      Atomics.add(own, word, 1);
      if (this.sum(word) <= max) return true;
      Atomics.sub(own, word, 1);
      if (tries === triesMax || this.sum(word) >= max) return false;
    }
  }

  /** Takes back what `tryEnter` has counted. */
  leave(word: number): void {
    Atomics.sub(this.#own, word, 1);
  }

  /** Over all workers. */
  sum(word: number): number {
    const columns = this.#columns;
    let sum = 0;
    for (let index = 0; index < columns.length; index++) sum += Atomics.load(columns[index]!, word);
    return sum;
  }

  /** What this worker tells the others at `word`. */
  tell(word: number, value: number): void {
    Atomics.store(this.#own, word, value);
  }

  /** What worker `index` says; 0 for this one, which has nothing to tell itself. */
  heard(index: number, word: number): number {
    return index === this.#index ? 0 : Atomics.load(this.#columns[index]!, word);
  }

  /** What all the others count at `word`. */
  elsewhere(word: number): number {
    return this.#columns.length === 1 ? 0 : this.sum(word) - this.#own[word]!;
  }
}

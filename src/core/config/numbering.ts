/**
 * Gives small numbers to named things and keeps them while the name stays: rows of endpoints and slots of listeners in
 * the shared counters. A number that was let go is used again only when no fresh one is left, the one let go longest
 * ago first, and never while `isBusy`: exchanges of an older snapshot may still write to it.
 */
export interface Numbering {
  readonly taken: ReadonlyMap<string, Numbered>;
  /** Let go, oldest first. */
  readonly free: readonly Numbered[];
  /** Least number that was never used. */
  readonly fresh: number;
  /** Numbers are below this. */
  readonly limit: number;
}

export interface Numbered {
  readonly number: number;
  /** Counts the names that had this number, from 0. */
  readonly generation: number;
}

export interface Renumbered {
  readonly numbering: Numbering;
  /** Numbers that changed hands: what stands in the counters there belongs to the last name. */
  readonly reused: readonly number[];
}

/** Nobody has a number yet. */
export function emptyNumbering(limit: number): Numbering {
  return { taken: new Map(), free: [], fresh: 0, limit };
}

/** Absent where the numbers do not suffice. Names must be different from each other. */
export function renumber(
  before: Numbering,
  names: readonly string[],
  isBusy: (number: number) => boolean,
): Renumbered | undefined {
  const wanted = new Set(names);
  const taken = new Map<string, Numbered>();
  const free = [...before.free];
  for (const [name, numbered] of before.taken) {
    if (wanted.has(name)) taken.set(name, numbered);
    else free.push(numbered);
  }
  let fresh = before.fresh;
  const reused: number[] = [];
  for (const name of names) {
    if (taken.has(name)) continue;
    if (fresh < before.limit) {
      taken.set(name, { number: fresh++, generation: 0 });
      continue;
    }
    const index = free.findIndex(({ number }) => !isBusy(number));
    const old = free[index];
    if (old === undefined) return undefined;
    free.splice(index, 1);
    taken.set(name, { number: old.number, generation: old.generation + 1 });
    reused.push(old.number);
  }
  return { numbering: { taken, free, fresh, limit: before.limit }, reused };
}

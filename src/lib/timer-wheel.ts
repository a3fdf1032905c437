/**
 * Deadlines for many thousands of connections at the price of a few assignments each.
 *
 *   slot:   0    1    2    …   n-1          one tick is `tickMs` long
 *           |         |
 *           e → e     e                     entries hang in doubly linked rings
 *
 * Most deadlines move later and later (every byte resets an idle time-out), so moving one later costs nothing but a
 * number: the entry stays where it hangs, and when its old slot comes round it is hung up again. Deadlines beyond the
 * last slot wait in the farthest one. (After: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987.)
 */
export interface Deadline {
  /** Monotonic milliseconds; `never` when nothing is waited for. Set through `schedule`. */
  deadlineMs: number;
  /** Owned by the wheel. */
  wheelSlot: number;
  /** When the wheel looks at the entry next. */
  wheelMeetsMs: number;
  wheelPrevious: Deadline | null;
  wheelNext: Deadline | null;
  /** Called once, when the deadline has passed. */
  onDeadline(nowMs: number): void;
}

export const never = Infinity;

export class TimerWheel {
  readonly #slots: (Deadline | null)[];
  readonly #tickMs: number;
  /** Number of the last tick that was worked off. */
  #tick: number;
  #count = 0;

  /** `slots` × `tickMs` is how far ahead an entry can hang without being looked at in between. */
  constructor(options: { readonly nowMs: number; readonly tickMs: number; readonly slots: number }) {
    this.#slots = new Array<Deadline | null>(options.slots).fill(null);
    this.#tickMs = options.tickMs;
    this.#tick = Math.floor(options.nowMs / options.tickMs);
  }

  /** Entries that hang in the wheel, those that were cancelled but not yet met included. */
  get count(): number {
    return this.#count;
  }

  /** Sets the time at which `entry.onDeadline` is called; replaces an earlier setting. It fires up to one tick late, never early. */
  schedule(entry: Deadline, deadlineMs: number): void {
    entry.deadlineMs = deadlineMs;
    if (entry.wheelSlot >= 0) {
      if (deadlineMs >= entry.wheelMeetsMs) return;
      this.#unlink(entry);
    } else if (deadlineMs === never) return;
    this.#link(entry);
  }

  /** The deadline will not fire; the entry leaves the wheel when its slot comes round. */
  cancel(entry: Deadline): void {
    entry.deadlineMs = never;
  }

  /** Takes the entry out at once, so that the wheel holds no reference to it. */
  remove(entry: Deadline): void {
    entry.deadlineMs = never;
    if (entry.wheelSlot >= 0) this.#unlink(entry);
  }

  /** Works off every tick up to `nowMs`. */
  advance(nowMs: number): void {
    const last = Math.floor(nowMs / this.#tickMs);
    // After a long stop of the process one turn of the wheel meets every entry.
    const first = Math.max(this.#tick + 1, last - this.#slots.length + 1);
    for (let tick = first; tick <= last; tick++) {
      this.#tick = tick;
      this.#workOff(tick % this.#slots.length, nowMs);
    }
  }

  #workOff(slot: number, nowMs: number): void {
    // Entries are taken from the slot one by one, so that a callback may schedule or remove any other entry. Nothing can be
    // hung into this very slot meanwhile: `#link` looks at least one tick ahead and at most one turn less one tick.
    for (let entry = this.#slots[slot]!; entry !== null; entry = this.#slots[slot]!) {
      this.#unlink(entry);
      if (entry.deadlineMs > nowMs) {
        if (entry.deadlineMs !== never) this.#link(entry);
      } else {
        entry.deadlineMs = never;
        entry.onDeadline(nowMs);
      }
    }
  }

  #link(entry: Deadline): void {
    const now = this.#tick;
    const wanted = Math.ceil(entry.deadlineMs / this.#tickMs);
    const ahead = Math.min(Math.max(wanted - now, 1), this.#slots.length - 1);
    const slot = (now + ahead) % this.#slots.length;
    const first = this.#slots[slot]!;
    entry.wheelSlot = slot;
    entry.wheelMeetsMs = (now + ahead) * this.#tickMs;
    entry.wheelPrevious = null;
    entry.wheelNext = first;
    if (first !== null) first.wheelPrevious = entry;
    this.#slots[slot] = entry;
    this.#count++;
  }

  #unlink(entry: Deadline): void {
    if (entry.wheelPrevious === null) this.#slots[entry.wheelSlot] = entry.wheelNext;
    else entry.wheelPrevious.wheelNext = entry.wheelNext;
    if (entry.wheelNext !== null) entry.wheelNext.wheelPrevious = entry.wheelPrevious;
    entry.wheelSlot = -1;
    entry.wheelPrevious = null;
    entry.wheelNext = null;
    this.#count--;
  }
}

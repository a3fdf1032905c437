import type { Clock } from "../platform/ports.ts";

/** A worker whose event loop has not turned for so long is not going to serve anybody soon: it beats every 100 ms. */
export const hungAfterMs = 2_000;
/** Loading a program from a slow disk is no sign of anything. */
const startWithinMs = 20_000;
/** Looks that are farther apart: we stood still ourselves (a suspended machine), and so did the workers. */
const ownPauseMs = 1_500;

export interface WorkerBeat {
  readonly pid: number;
  /** Counts up while the worker's event loop turns. */
  readonly beats: number;
  readonly isReady: boolean;
}

/** Finds workers that live and do nothing. Works on what it is shown; time is the clock's. */
export class HungWatch {
  readonly #clock: Pick<Clock, "monotonicMs">;
  #seen = new Map<number, { readonly beats: number; readonly atMs: number }>();
  #lookedAtMs: number;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
    this.#lookedAtMs = clock.monotonicMs();
  }

  /** Those that have not beaten for too long. */
  look(workers: readonly WorkerBeat[]): readonly { readonly pid: number; readonly silentMs: number }[] {
    const nowMs = this.#clock.monotonicMs();
    const isFresh = nowMs - this.#lookedAtMs > ownPauseMs;
    this.#lookedAtMs = nowMs;
    const before = this.#seen;
    this.#seen = new Map();
    return workers.flatMap(({ pid, beats, isReady }) => {
      const known = before.get(pid);
      const hasMoved = known === undefined || known.beats !== beats || isFresh;
      const seen = hasMoved ? { beats, atMs: nowMs } : known;
      this.#seen.set(pid, seen);
      const silentMs = nowMs - seen.atMs;
      return silentMs >= (isReady ? hungAfterMs : startWithinMs) ? [{ pid, silentMs }] : [];
    });
  }
}

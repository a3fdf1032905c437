import type { TroubleCounts, TroubleSign } from "../../model/link.ts";
import type { Timers } from "../../platform/ports.ts";

/**
 * The first sign of trouble of an endpoint is told at once, because a check should follow at once. What comes in the time
 * after it goes together: an endpoint that fails ten thousand times a second costs fifty messages.
 */
export const troubleWindowMs = 20;

const signs = 6;

/** Gathers what the exchanges of this worker see of each endpoint, and hands it on. */
export class TroubleReports {
  readonly #timers: Pick<Timers, "after">;
  readonly #send: (row: number, counts: TroubleCounts) => void;
  /** Rows told of less than a window ago, and what came since. */
  readonly #rows = new Map<number, Uint32Array>();

  constructor(timers: Pick<Timers, "after">, send: (row: number, counts: TroubleCounts) => void) {
    this.#timers = timers;
    this.#send = send;
  }

  report(row: number, sign: TroubleSign): void {
    const gathered = this.#rows.get(row);
    if (gathered !== undefined) {
      gathered[sign]!++;
      return;
    }
    const counts = new Uint32Array(signs);
    this.#rows.set(row, counts);
    counts[sign] = 1;
    this.#tell(row, counts);
  }

  #tell(row: number, counts: Uint32Array): void {
    // By its length it is one.
    this.#send(row, [...counts] as unknown as TroubleCounts);
    counts.fill(0);
    this.#timers.after(troubleWindowMs, () => {
      if (counts.every((count) => count === 0)) this.#rows.delete(row);
      else this.#tell(row, counts);
    });
  }
}

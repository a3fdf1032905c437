/** Time in which what is known fades to 1/e of itself. */
const fadeMs = 10_000;

/** An attempt that failed counts as at least this slow: an endpoint that refuses at once must not look fast. */
const failedMs = 1000;

/**
 * How slow an endpoint is at the moment, in milliseconds: the slowest of its answers, each of which counts less the longer
 * ago it was. One slow answer is enough to be careful; trust comes back with time. Without answers it fades towards 0, so
 * that the endpoint is tried again. (The idea is that of "peak EWMA" in Twitter's Finagle.)
 */
export class PeakLatency {
  #ms = 0;
  #atMs = -Infinity;

  /** False until the first answer. */
  get isKnown(): boolean {
    return this.#atMs !== -Infinity;
  }

  /** An attempt was answered after `latencyMs`. */
  answered(latencyMs: number, nowMs: number): void {
    const before = this.at(nowMs);
    if (latencyMs >= before) {
      this.#ms = latencyMs;
      this.#atMs = nowMs;
    }
  }

  failed(latencyMs: number, nowMs: number): void {
    this.answered(Math.max(latencyMs, failedMs), nowMs);
  }

  at(nowMs: number): number {
    // Many picks fall into one tick of the clock.
    if (nowMs <= this.#atMs || !this.isKnown) return this.#ms;
    this.#ms *= Math.exp((this.#atMs - nowMs) / fadeMs);
    this.#atMs = nowMs;
    return this.#ms;
  }
}

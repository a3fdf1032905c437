/** Length of the window over which requests are counted, in seconds of one bucket each. */
const windowSeconds = 10;

/**
 * How many paid retries a pool may make: a token bucket that fills with `share` of the exchanges of the last ten seconds,
 * at least `minPerSecond`, and holds `burst`. It keeps retries from multiplying the load on endpoints that are failing
 * because of load.
 */
export class RetryBudget {
  readonly #share: number;
  readonly #minPerSecond: number;
  readonly #burst: number;
  readonly #counts = new Float64Array(windowSeconds);
  #second = 0;
  #inWindow = 0;
  #tokens: number;
  #filledMs = 0;

  constructor(options: { readonly share: number; readonly minPerSecond: number; readonly burst: number }) {
    this.#share = options.share;
    this.#minPerSecond = options.minPerSecond;
    this.#burst = options.burst;
    this.#tokens = options.burst;
  }

  /** An exchange has begun. */
  count(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) this.#turn(second);
    this.#counts[second % windowSeconds]!++;
    this.#inWindow++;
  }

  /** Takes one token; false when the budget is used up. */
  take(nowMs: number): boolean {
    if (!this.has(nowMs)) return false;
    this.#tokens--;
    return true;
  }

  /** Whether there is a token to take. */
  has(nowMs: number): boolean {
    this.#turn(Math.floor(nowMs / 1000));
    const perSecond = Math.max((this.#share * this.#inWindow) / windowSeconds, this.#minPerSecond);
    this.#tokens = Math.min(this.#burst, this.#tokens + (Math.max(0, nowMs - this.#filledMs) / 1000) * perSecond);
    this.#filledMs = nowMs;
    return this.#tokens >= 1;
  }

  #turn(second: number): void {
    const first = Math.max(this.#second + 1, second - windowSeconds + 1);
    for (let passed = first; passed <= second; passed++) {
      this.#inWindow -= this.#counts[passed % windowSeconds]!;
      this.#counts[passed % windowSeconds] = 0;
    }
    if (second > this.#second) this.#second = second;
  }
}

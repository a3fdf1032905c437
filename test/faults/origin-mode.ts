/** How an endpoint of the failure table behaves. */
export interface OriginMode {
  readonly isListening: boolean;
  /** From the request to its answer. */
  readonly serviceMs: number;
  readonly answer: "ok" | "503" | "reset" | "half a head" | "half a body" | "garbage";
  /** What its health check gets. */
  readonly check: "passes" | "fails" | "as requests";
  /** Every so many GETs one takes `stuckMs`; 0 = none. */
  readonly stuckEach: number;
  readonly stuckMs: number;
}

export const healthyMode: OriginMode = {
  isListening: true,
  serviceMs: 5,
  answer: "ok",
  check: "as requests",
  stuckEach: 0,
  stuckMs: 20_000,
};

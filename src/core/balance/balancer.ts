/**
 * One way of balancing over the endpoints that are ready. It is made anew whenever they or their weights change, off the
 * request path, and then picks by index into the ready list. Weights are effective ones: above 0, and with a fraction
 * while an endpoint ramps up.
 */
export interface Balancer {
  /**
   * Index of the endpoint for a new exchange; the ready list has at least one. `key` is the hash of what the request is
   * balanced by (`noKey` where it has none or nobody asked), `nowMs` the monotonic clock, up to a tick old.
   */
  pick(key: number, nowMs: number): number;
  /** The same for a further attempt: never an endpoint whose place in `tried` is 1. `nobody` when all are. */
  pickOther(key: number, nowMs: number, tried: Uint8Array): number;
}

/** The key of a request that has none. Real keys are unsigned 32-bit numbers. */
export const noKey = -1;

/** Instead of an index. */
export const nobody = -1;

import { WorkerSlot } from "../../observe/counters.ts";
import type { Cancel, Clock, Timers } from "../../platform/ports.ts";

const beatMs = 100;

/** Counts in shared memory that this worker's event loop turns, and how late it turned at worst since it started. */
export function startHeartbeat(counters: Float64Array, clock: Clock, timers: Timers): Cancel {
  let beats = 0;
  let lagMaxMs = 0;
  let expectedMs = clock.monotonicMs() + beatMs;
  return timers.every(beatMs, () => {
    const nowMs = clock.monotonicMs();
    lagMaxMs = Math.max(lagMaxMs, nowMs - expectedMs);
    expectedMs = nowMs + beatMs;
    beats++;
    counters[WorkerSlot.heartbeat] = beats;
    counters[WorkerSlot.eventLoopLagMaxMs] = lagMaxMs;
  });
}

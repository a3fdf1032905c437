import type { Clock, Random, Timers } from "./ports.ts";

export const clock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};

export const timers: Timers = {
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  every(intervalMs, run) {
    const timer = setInterval(run, intervalMs);
    return () => clearInterval(timer);
  },
};

/** Runs it behind the event that is being handled, before the loop turns. */
export function afterThisEvent(run: () => void): void {
  queueMicrotask(run);
}

export const random: Random = { fraction: () => Math.random() };

/** What a worker's past says about its next start. */
export interface WorkerPast {
  /** Deaths before it was ready, since it was ready last. */
  readonly earlyDeaths: number;
  /** Monotonic times of its deaths, newest last; only the last `burstDeaths` matter. */
  readonly deathsMs: readonly number[];
}

export const newPast: WorkerPast = { earlyDeaths: 0, deathsMs: [] };

/** Early deaths from which on a worker is held down: five starts in a row did not help. */
export const earlyDeathsMax = 5;
/** A worker that gets ready and dies so often in the window is held down too: each start costs its siblings CPU. */
const burstDeaths = 20;
const burstWindowMs = 10_000;
const holdFirstMs = 1_000;
const holdMostMs = 30_000;

export function afterDeath(past: WorkerPast, death: { readonly atMs: number; readonly wasReady: boolean }): WorkerPast {
  return {
    earlyDeaths: death.wasReady ? 0 : past.earlyDeaths + 1,
    deathsMs: [...past.deathsMs, death.atMs].slice(-burstDeaths),
  };
}

/** How long to wait before the next start; 0 = at once, which is the rule: a killed worker is back in 100 ms. */
export function restartDelayMs(past: WorkerPast, nowMs: number): number {
  if (past.earlyDeaths >= earlyDeathsMax) {
    return Math.min(holdFirstMs * 2 ** (past.earlyDeaths - earlyDeathsMax), holdMostMs);
  }
  const first = past.deathsMs[0];
  const isBurst = past.deathsMs.length === burstDeaths && first !== undefined && nowMs - first < burstWindowMs;
  return isBurst ? holdFirstMs : 0;
}

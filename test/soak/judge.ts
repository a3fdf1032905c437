import { type Point, slopePerMinute } from "./proc.ts";

/** One process of the instance, over the whole soak. */
export interface ProcessHistory {
  readonly name: string;
  readonly rss: readonly Point[];
  readonly atStart: Resting;
  readonly atEnd: Resting;
}

/** A process while nothing is asked of it. */
export interface Resting {
  readonly rssMiB: number;
  readonly descriptors: number;
  readonly wakeUpsPerSecond: number;
  /** Entries of a worker's timer wheel; absent: the supervisor, which has none. */
  readonly deadlines?: number;
}

export const slopeMax = 1;
/** A few more wake-ups are noise; a timer that was left behind in a loop of 20 ms is fifty. */
const wakeUpsSlack = 20;

/** What of a process is not as it should be after the soak. */
export function missesOf(history: ProcessHistory, fromMinute: number): readonly string[] {
  const { name, atStart, atEnd } = history;
  const misses: string[] = [];
  const slope = slopeAfter(history, fromMinute);
  if (slope > slopeMax) misses.push(`${name}: memory grows by ${slope.toFixed(2)} MiB a minute, at most ${slopeMax}`);
  if (atEnd.descriptors > atStart.descriptors) {
    misses.push(`${name}: ${atEnd.descriptors} descriptors, ${atStart.descriptors} at the start`);
  }
  if (atEnd.wakeUpsPerSecond > atStart.wakeUpsPerSecond + wakeUpsSlack) {
    const [now, before] = [atEnd.wakeUpsPerSecond, atStart.wakeUpsPerSecond].map(Math.round);
    misses.push(`${name}: wakes up ${now} times a second, ${before} at the start`);
  }
  if ((atEnd.deadlines ?? 0) > (atStart.deadlines ?? 0)) {
    misses.push(`${name}: ${atEnd.deadlines} deadlines in the wheel, ${atStart.deadlines} at the start`);
  }
  return misses;
}

export function slopeAfter({ rss }: ProcessHistory, fromMinute: number): number {
  return slopePerMinute(rss.filter((point) => point.minutes >= fromMinute));
}

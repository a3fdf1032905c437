import { readdirSync, readFileSync } from "node:fs";

/** What the kernel knows of a process. */
export interface ProcessSample {
  readonly rssMiB: number;
  readonly descriptors: number;
  /** How often it woke up since it started: what timers that were left behind would show. */
  readonly wakeUps: number;
}

export function sampleProcess(pid: number): ProcessSample {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  return {
    rssMiB: field("VmRSS") / 1024,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    wakeUps: field("voluntary_ctxt_switches"),
  };
}

export interface Point {
  readonly minutes: number;
  readonly value: number;
}

/** Slope of the least-squares line through the points, per minute; 0 for fewer than two. */
export function slopePerMinute(points: readonly Point[]): number {
  const meanAt = mean(points.map((one) => one.minutes));
  const meanValue = mean(points.map((one) => one.value));
  let together = 0;
  let spread = 0;
  for (const { minutes, value } of points) {
    together += (minutes - meanAt) * (value - meanValue);
    spread += (minutes - meanAt) ** 2;
  }
  return spread === 0 ? 0 : together / spread;
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

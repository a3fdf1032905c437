import { availableParallelism, release } from "node:os";
import { commitName } from "../faults/marked-docs.ts";
import { slopeAfter } from "./judge.ts";
import type { SoakResult } from "./soak.ts";

/** The result of a soak as Markdown. */
export function renderSoak(
  result: SoakResult,
  { minutes, fromMinute, misses }: { minutes: number; fromMinute: number; misses: readonly string[] },
): string {
  const what = Object.entries(result.counts).map(([kind, count]) => `${count} ${kind}`);
  const rows = result.processes.map((one) => {
    const { atStart, atEnd } = one;
    const pair = (before: number | undefined, after: number | undefined): string =>
      before === undefined || after === undefined ? "–" : `${Math.round(before)} → ${Math.round(after)}`;
    return (
      `| ${one.name} | ${slopeAfter(one, fromMinute).toFixed(2)} | ${pair(atStart.rssMiB, atEnd.rssMiB)} | ` +
      `${pair(atStart.descriptors, atEnd.descriptors)} | ${pair(atStart.deadlines, atEnd.deadlines)} | ` +
      `${pair(atStart.wakeUpsPerSecond, atEnd.wakeUpsPerSecond)} |`
    );
  });
  return [
    `${new Date().toISOString().slice(0, 10)}, commit ${commitName()}, Linux ${release()}, ${availableParallelism()} cores: ` +
      `${minutes} minutes; ${what.join(", ")}; ${result.reloads} reloads, ${result.flaps} faults of endpoints.`,
    "",
    `| process | memory after minute ${fromMinute}, MiB/min | resident, MiB | descriptors | deadlines | wake-ups/s |`,
    "|---|---|---|---|---|---|",
    ...rows,
    "",
    misses.length === 0 ? "As wanted." : `Not as wanted: ${misses.join("; ")}.`,
  ].join("\n");
}

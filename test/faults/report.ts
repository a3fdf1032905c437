import type { RowResult } from "./run-row.ts";
import type { Row } from "./rows.ts";
import { subjects } from "./subject.ts";

export interface Results {
  readonly date: string;
  readonly commit: string;
  readonly machine: string;
  readonly haproxy: string;
  readonly rows: readonly Row[];
  readonly done: readonly RowResult[];
  /** Rows that this version cannot run, and why. */
  readonly skipped: readonly { readonly row: string; readonly why: string }[];
}

const columns = [
  "who",
  "GETs failed",
  "… after a second try",
  "span, ms",
  "POSTs failed",
  "of those executed",
  "POSTs twice",
  "POSTs lost",
  "longest stall, ms",
  "slowest GET, ms",
  "as wanted",
] as const;

/** One line of what a row did, for the terminal. */
export function lineOf({ subject, outcome, held, misses }: RowResult): string {
  const { gets, getsFailed, posts, postsFailed, postsFailedButDone, postsTwice, postsLost } = outcome;
  const kinds = Object.entries(outcome.kinds).map(([kind, count]) => `${count} ${kind}`);
  return (
    `  ${subjects[subject].padEnd(34)} GET ${getsFailed}/${gets} failed, POST ${postsFailed}/${posts} failed ` +
    `(${postsFailedButDone} executed), ${postsTwice} twice, ${postsLost} lost, stall ${ms(outcome.stallMs)} ms, ` +
    `slowest ${ms(outcome.slowestMs)} ms, client paused ${ms(outcome.clientPauseMs)} ms` +
    (kinds.length === 0 ? "" : ` [${kinds.join(", ")}]`) +
    (held === undefined ? "" : `, ${held} connections were held`) +
    (misses.length === 0 ? "" : `\n      MISSED ${textOf(misses)}`)
  );
}

/** The failure table as Markdown: one table for each fault. */
export function renderMarkdown(results: Results): string {
  const { rows, done, skipped } = results;
  const parts = [`${results.date.slice(0, 10)}, commit ${results.commit}, ${results.machine}, ${results.haproxy}.`];
  for (const row of rows) {
    const own = done.filter((one) => one.row === row.name);
    const why = skipped.find((one) => one.row === row.name)?.why;
    parts.push(`### ${capital(row.title)}`);
    const stall = row.wanted.stallMs === undefined ? "" : `; longest stall at most ${row.wanted.stallMs} ms`;
    parts.push(`Wanted: ${wantedText(row)}${stall}.${why === undefined ? "" : ` Not run: ${why}.`}`);
    if (own.length === 0) continue;
    parts.push([`| ${columns.join(" | ")} |`, `|${"---|".repeat(columns.length)}`, ...own.map(tableRow)].join("\n"));
  }
  return parts.join("\n\n");
}

function wantedText({ wanted }: Row): string {
  const once = wanted.getsOnce === true ? ", every GET executed once" : "";
  const failed = {
    none: "no GET fails",
    held: "no more GETs fail than the killed workers held, and none after a second try",
    cut: "answers end visibly cut short, no GET fails otherwise",
  }[wanted.failed];
  return `${failed}${once}, no POST is executed twice or lost`;
}

function tableRow({ subject, outcome, held, misses }: RowResult): string {
  const isOurs = subject.startsWith("ours");
  const cells = [
    isOurs ? `**${subjects[subject]}**` : subjects[subject],
    outcome.getsFailed,
    outcome.getsFailedAgain,
    ms(outcome.failureSpanMs),
    outcome.postsFailed,
    outcome.postsFailedButDone,
    outcome.postsTwice,
    outcome.postsLost,
    ms(outcome.stallMs),
    ms(outcome.slowestMs),
    misses.length === 0 ? (held === undefined ? "yes" : `yes: ${held} connections were held`) : `no: ${textOf(misses)}`,
  ];
  return `| ${cells.join(" | ")} |`;
}

/** Whether one of ours is not as wanted; what HAProxy does is only told. */
export function hasMissed(results: Results): boolean {
  return results.done.some((one) => one.subject.startsWith("ours") && one.misses.length > 0);
}

function textOf(misses: RowResult["misses"]): string {
  return misses.map((one) => one.text).join("; ");
}

function ms(value: number): string {
  return String(Math.round(value));
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

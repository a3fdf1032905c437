import type { CaseResult, Row } from "./case-run.ts";
import { idleRssBytesMax, workerRssBytesMax } from "./cases.ts";
import type { IdleResult, IdleRow } from "./idle.ts";
import { peerTitle, type PeerName } from "./peers.ts";
import type { Summary } from "./statistics.ts";

/** Everything a run found out, as it is written to bench/results/. */
export interface Results {
  readonly date: string;
  readonly commit: string;
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly kernel: string;
    readonly system: string;
  };
  readonly versions: Readonly<Partial<Record<PeerName, string>>>;
  readonly pairs: number;
  readonly seconds: number;
  readonly skipped: readonly { readonly peer: PeerName; readonly why: string }[];
  readonly cases: readonly CaseResult[];
  readonly idle: readonly IdleResult[];
}

/** `failed`: something was wrong with the answers, so that the figure says nothing. */
export type Verdict = "pass" | "miss" | "failed" | "no limit";

/** Our row of a case against its wanted ratio; of a case with variants, the second one. */
export function verdictOf(result: CaseResult): Verdict {
  const [referenceName = "haproxy", oursName = "ours"] = result.bench.variants ?? [];
  const ours = result.rows.find((row) => row.peer === oursName);
  const reference = result.rows.find((row) => row.peer === referenceName);
  if (ours === undefined || reference === undefined) return "no limit";
  if (ours.faults.length > 0 || reference.faults.length > 0) return "failed";
  if (result.bench.ratioMax === undefined) return "no limit";
  return ours.ratio.median <= result.bench.ratioMax ? "pass" : "miss";
}

/** Our row of the idle case against both of its limits. */
export function idleVerdict(row: IdleRow): Verdict {
  if (row.peer !== "ours") return "no limit";
  if (row.faults.length > 0 || row.workerBytes === undefined) return "failed";
  return row.bytesPerConnection <= idleRssBytesMax && row.workerBytes <= workerRssBytesMax ? "pass" : "miss";
}

/** Whether ours and HAProxy's rows are sound. Another peer's fault makes that peer's row worthless, not the run. */
export function hasFailed(results: Results): boolean {
  return (
    results.cases.some((result) => verdictOf(result) === "failed") ||
    results.idle.some((result) => result.rows.some((row) => idleVerdict(row) === "failed"))
  );
}

/** The whole report as Markdown; also what the terminal shows. */
export function renderMarkdown(results: Results): string {
  const versions = Object.entries(results.versions).map(
    ([peer, version]) => `${peerTitle[peer as PeerName]}: ${version}`,
  );
  const parts = [
    `Measured ${results.date} at commit ${results.commit} on ${results.machine.processor}, ${results.machine.cores} cores, ` +
      `${results.machine.system}, Linux ${results.machine.kernel}. ${results.pairs} rounds of ${results.seconds} s for each ` +
      "program in turn; the proxy has one core, load and back end the other.",
    versions.join(" · "),
    ...results.skipped.map(({ peer, why }) => `Skipped: ${peerTitle[peer]} (${why})`),
    renderWanted(results),
    ...results.cases.map(renderCase),
    ...results.idle.map(renderIdle),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function renderWanted(results: Results): string {
  const rows = results.cases.flatMap((result) => {
    const ours = result.rows.find((row) => row.peer === "ours");
    const reference = result.rows.find((row) => row.peer === "haproxy");
    const again = result.rows.find((row) => row.peer === "again");
    if (ours === undefined || reference === undefined) return [];
    const wanted = result.bench.ratioMax === undefined ? "–" : `≤ ${result.bench.ratioMax.toFixed(2)}`;
    return [
      [
        result.bench.title,
        us(ours.cpuUs),
        us(reference.cpuUs),
        spread(ours.ratio),
        wanted,
        verdictOf(result),
        spread(again?.ratio),
      ],
    ];
  });
  if (rows.length === 0) return "";
  const head = [
    "case",
    "ours, µs CPU",
    "HAProxy, µs CPU",
    "ratio: median (min–max)",
    "wanted",
    "",
    "HAProxy against itself",
  ];
  return `### Our CPU per request against HAProxy's\n\n${table(head, rows)}`;
}

function renderCase(result: CaseResult): string {
  const head = [
    "",
    "µs CPU/request",
    result.bench.variants === undefined ? "of HAProxy's" : "of the first",
    "by requests/s",
    "requests/s",
    "core full",
    "to back end",
    "p50 µs",
    "p99 µs",
    "faults",
  ];
  const rows = result.rows.map((row: Row) => [
    peerTitle[row.peer],
    us(row.cpuUs),
    spread(row.ratio),
    row.ratioByThroughput?.toFixed(2) ?? "–",
    Math.round(row.perSecond.median).toString(),
    row.peer === "bare" ? "–" : `${Math.round(row.coreShare.median * 100)} %`,
    row.upstreamOpenedShare.median < 0.005
      ? String(row.upstreamUsed.median)
      : `${row.upstreamUsed.median}, ${row.upstreamOpenedShare.median.toFixed(2)} new/request`,
    Math.round(row.p50Us.median).toString(),
    Math.round(row.p99Us.median).toString(),
    row.faults.join("; "),
  ]);
  const { title, variants, ratioMax } = result.bench;
  const second = variants?.[1];
  const wanted =
    second === undefined || ratioMax === undefined
      ? ""
      : `Wanted: ${peerTitle[second]} ≤ ${ratioMax.toFixed(2)} of the first: ${verdictOf(result)}.\n\n`;
  return `### ${title}\n\n${wanted}${table(head, rows)}`;
}

function renderIdle(result: IdleResult): string {
  const head = ["", "KiB a connection", "MiB before load", "MiB of a worker", "", "faults"];
  const rows = result.rows.map((row) => [
    peerTitle[row.peer],
    (row.bytesPerConnection / 1024).toFixed(2),
    mebibytes(row.treeBytes),
    row.workerBytes === undefined ? "–" : mebibytes(row.workerBytes),
    idleVerdict(row) === "no limit" ? "" : idleVerdict(row),
    row.faults.join("; "),
  ]);
  const wanted = `Wanted: ≤ ${idleRssBytesMax / 1024} KiB a connection, ≤ ${mebibytes(workerRssBytesMax)} MiB a worker before load.`;
  return `### ${result.bench.title}\n\n${wanted}\n\n${table(head, rows)}`;
}

function us(summary: Summary): string {
  return summary.median.toFixed(1);
}

function spread(summary: Summary | undefined): string {
  if (summary === undefined) return "–";
  return `${summary.median.toFixed(2)} (${summary.min.toFixed(2)}–${summary.max.toFixed(2)})`;
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

/** A Markdown table whose columns also line up as plain text. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) => Math.max(3, cell.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? "").padEnd(width)).join(" | ")} |`;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line)].join("\n");
}

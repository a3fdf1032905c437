import { addressText } from "../lib/address.ts";
import { overrideText } from "../core/health/why-text.ts";
import { EndpointState, endpointStateName } from "../model/snapshot.ts";
import type { EndpointView, ListenerView, PoolView, StatusView, WorkerView } from "../model/status.ts";
import type { Colour, Paint } from "./colour.ts";
import { type Cell, type Column, cutTo, tableLines } from "./table.ts";
import { millisText, spanText } from "./words.ts";

export interface TextOptions {
  /** Characters per line; undefined: no limit. */
  readonly width: number | undefined;
  readonly paint: Paint;
}

/** The whole status as lines for a terminal or a pipe. */
export function statusLines(view: StatusView, options: TextOptions): readonly string[] {
  return [
    ...headLines(view, options),
    "",
    ...listenerLines(view, options),
    ...view.pools.flatMap((pool) => ["", ...poolLines(pool, view.nowAt, options)]),
    "",
    ...workerLines(view, options),
  ];
}

function headLines(view: StatusView, { width, paint }: TextOptions): readonly string[] {
  const stateColour: Colour = view.state === "running" ? "green" : "yellow";
  const since = spanText(view.nowAt - view.startedAt);
  const first = `${paint("bold", `weichensteller ${view.version}`)}  ${paint(stateColour, view.state)}  pid ${view.pid}  up ${since}`;
  const revision =
    view.revision === 0
      ? "no configuration yet"
      : `revision ${view.revision}, accepted ${spanText(view.nowAt - view.revisionAt)} ago`;
  const tcp = view.admin.tcp === undefined ? "" : `, http://${addressText(view.admin.tcp)}`;
  return [
    first,
    ...[`config  ${view.file}  (${revision})`, `admin   ${view.admin.socket}${tcp}`].map((line) =>
      width === undefined ? line : cutTo(line, width),
    ),
  ];
}

const listenerColumns: readonly Column[] = [
  { title: "LISTENER" },
  { title: "ADDRESS" },
  { title: "POOL", dropOrder: 1 },
  { title: "CONNECTIONS", align: "right", dropOrder: 2 },
  { title: "ACTIVE", align: "right" },
  { title: "REQUESTS", align: "right" },
  { title: "4XX", align: "right", dropOrder: 3 },
  { title: "5XX", align: "right" },
];

function listenerLines(view: StatusView, { width, paint }: TextOptions): readonly string[] {
  return tableLines(listenerColumns, view.listeners.map(listenerRow), width, paint);
}

function listenerRow({ name, addresses, pool, counters }: ListenerView): readonly Cell[] {
  return [
    { text: name },
    { text: addresses.map(addressText).join(", ") },
    { text: pool ?? "-" },
    { text: String(counters.connectionsNow) },
    { text: String(counters.exchangesNow) },
    { text: String(counters.exchanges) },
    { text: String(counters.status4xx) },
    counters.status5xx > 0 ? { text: String(counters.status5xx), colour: "red" } : { text: "0" },
  ];
}

const endpointColumns: readonly Column[] = [
  { title: "ENDPOINT" },
  { title: "ADDRESS", dropOrder: 4 },
  { title: "STATE" },
  { title: "SINCE", align: "right" },
  { title: "WEIGHT", align: "right", dropOrder: 5 },
  { title: "ACTIVE", align: "right", dropOrder: 3 },
  { title: "REQUESTS", align: "right", dropOrder: 2 },
  { title: "ERRORS", align: "right", dropOrder: 1 },
  { title: "WHY", isFlexible: true },
];

/** One pool: its name and how much of it is up, then its endpoints. */
export function poolLines(pool: PoolView, nowAt: number, { width, paint }: TextOptions): readonly string[] {
  const up = pool.endpoints.filter(({ state }) => state === EndpointState.Up).length;
  const colour: Colour = up === 0 ? "red" : up < pool.endpoints.length ? "yellow" : "green";
  const share = paint(colour, `${up} of ${pool.endpoints.length} UP`);
  const title = `${paint("dim", "POOL")} ${paint("bold", pool.name)}  ${share}  ${pool.balance}${pool.isChecked ? "" : ", no health check"}`;
  const indented = width === undefined ? undefined : width - 2;
  // An endpoint without a name of its own is called by its address: once is enough.
  const skipped = pool.endpoints.every(({ name, address }) => name === address) ? "ADDRESS" : undefined;
  const isShown = (_: unknown, i: number): boolean => endpointColumns[i]?.title !== skipped;
  const rows = pool.endpoints.map((endpoint) => endpointRow(endpoint, nowAt).filter(isShown));
  const lines = tableLines(endpointColumns.filter(isShown), rows, indented, paint);
  return [title, ...lines.map((line) => `  ${line}`)];
}

function endpointRow(endpoint: EndpointView, nowAt: number): readonly Cell[] {
  const errors = errorCount(endpoint);
  return [
    { text: endpoint.name },
    { text: endpoint.address },
    { text: endpointStateName[endpoint.state], colour: stateColour(endpoint.state) },
    { text: spanText(nowAt - endpoint.sinceAt) },
    { text: endpoint.backup ? `${endpoint.weight} backup` : String(endpoint.weight) },
    { text: String(endpoint.counters.attemptsNow) },
    { text: String(endpoint.counters.attempts) },
    errors > 0 ? { text: String(errors), colour: "yellow" } : { text: "0" },
    { text: whyCell(endpoint, nowAt) },
  ];
}

/** Attempts that failed, whatever way, and answers of class 5xx. */
function errorCount({ counters }: EndpointView): number {
  return counters.connectFailures + counters.resets + counters.timeouts + counters.badResponses + counters.status5xx;
}

/** The reason, and for a good check the evidence too; a reason for DOWN carries its evidence already. */
function whyCell(endpoint: EndpointView, nowAt: number): string {
  const weight = endpoint.override?.weight;
  const reason = reasonCell(endpoint, nowAt);
  return weight === undefined ? reason : `${reason}; weight ${weight.value} ${overrideText(weight)}`;
}

function reasonCell({ whyText, lastCheck }: EndpointView, nowAt: number): string {
  if (lastCheck === undefined) return whyText;
  const ago = `${spanText(nowAt - lastCheck.at)} ago`;
  return lastCheck.isOk
    ? `${whyText} (${lastCheck.evidence} in ${millisText(lastCheck.durationMs)}, ${ago})`
    : `${whyText} (${ago})`;
}

/** Green, red for what failed, yellow for what a person asked for. */
export function stateColour(state: EndpointState): Colour {
  return state === EndpointState.Up ? "green" : state === EndpointState.Down ? "red" : "yellow";
}

const workerColumns: readonly Column[] = [
  { title: "WORKER" },
  { title: "PID", align: "right" },
  { title: "STATE" },
  { title: "SINCE", align: "right" },
  { title: "RESTARTS", align: "right" },
  { title: "CONNECTIONS", align: "right", dropOrder: 1 },
  { title: "TO ENDPOINTS", align: "right", dropOrder: 2 },
];

function workerLines(view: StatusView, { width, paint }: TextOptions): readonly string[] {
  return tableLines(
    workerColumns,
    view.workers.map((worker) => workerRow(worker, view.nowAt)),
    width,
    paint,
  );
}

function workerRow({ index, pid, state, sinceAt, restarts, counters }: WorkerView, nowAt: number): readonly Cell[] {
  return [
    { text: String(index) },
    { text: pid === 0 ? "-" : String(pid) },
    { text: state, colour: state === "ready" ? "green" : state === "dead" ? "red" : "yellow" },
    { text: spanText(nowAt - sinceAt) },
    restarts > 0 ? { text: String(restarts), colour: "yellow" } : { text: "0" },
    { text: String(counters.connectionsNow) },
    { text: `${counters.upstreamOpenNow} (${counters.upstreamIdleNow} idle)` },
  ];
}

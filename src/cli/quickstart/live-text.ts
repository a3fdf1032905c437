import { addressText } from "../../lib/address.ts";
import { endpointStateName } from "../../model/snapshot.ts";
import type { StatusView } from "../../model/status.ts";
import { poolLines, type TextOptions } from "../status-text.ts";
import { cutTo, tableLines } from "../table.ts";
import { spanText } from "../words.ts";
import type { DemoService } from "./demo-services.ts";

/** What a frame of the live view shows. */
export interface LiveScene {
  readonly view: StatusView;
  readonly services: readonly DemoService[];
  /** Configuration file of the quickstart. */
  readonly file: string;
}

/** The frame that is redrawn about once a second. */
export function liveLines(scene: LiveScene, options: TextOptions & { readonly width: number }): readonly string[] {
  const { view, services } = scene;
  const { paint, width } = options;
  const text = (line: string): string => cutTo(line, width);
  const url = serviceUrl(view);
  return [
    paint("bold", text(`Weichensteller quickstart: ${url} in front of three small services`)),
    "",
    ...view.pools.flatMap((pool) => poolLines(pool, view.nowAt, options)),
    "",
    ...serviceLines(services, view.nowAt, options),
    "",
    text(countersText(view)),
    "",
    ...tryLines(scene).map((line) => text(line)),
  ];
}

function serviceLines(
  services: readonly DemoService[],
  nowAt: number,
  { paint, width }: TextOptions,
): readonly string[] {
  const columns = [
    { title: "SERVICE" },
    { title: "PORT", align: "right" },
    { title: "PID", align: "right" },
    { title: "STATE", isFlexible: true },
  ] as const;
  const rows = services.map(({ name, port, pid, startsAt }) => [
    { text: name },
    { text: String(port) },
    { text: pid === undefined ? "-" : String(pid) },
    pid === undefined
      ? ({ text: `ended; ${restartText(startsAt, nowAt)}`, colour: "red" } as const)
      : ({ text: "runs", colour: "green" } as const),
  ]);
  return tableLines(columns, rows, width, paint);
}

function restartText(startsAt: number | undefined, nowAt: number): string {
  return startsAt === undefined || startsAt <= nowAt
    ? "starts again now"
    : `starts again in ${Math.ceil((startsAt - nowAt) / 1000)} s`;
}

function countersText(view: StatusView): string {
  let requests = 0;
  let failed = 0;
  let connections = 0;
  for (const { counters } of view.listeners) {
    requests += counters.exchanges;
    failed += counters.status5xx;
    connections += counters.connectionsNow;
  }
  const ready = view.workers.filter(({ state }) => state === "ready").length;
  const up = spanText(view.nowAt - view.startedAt);
  return `${requests} requests, ${failed} answered 5xx, ${connections} connections now, ${ready} of ${view.workers.length} workers ready, up ${up}${view.state === "draining" ? ", draining" : ""}`;
}

/** What to try next; shown all the time, because the screen is redrawn. */
export function tryLines({ view, services, file }: LiveScene): readonly string[] {
  const victim = services.find(({ pid }) => pid !== undefined);
  const admin =
    view.admin.tcp === undefined
      ? view.admin.socket
      : `http://${addressText(view.admin.tcp)}/api/v1/status  (and /metrics, /readyz)`;
  return [
    "Try in another terminal:",
    `  curl ${serviceUrl(view)}/orders`,
    ...(victim === undefined
      ? []
      : [`  kill ${victim.pid}   # ends ${victim.name}: it goes DOWN, requests go on; it comes back by itself`]),
    "  npx weichensteller status",
    `Admin:  ${admin}`,
    `Config: ${file}`,
    "Ctrl-C ends everything.",
  ];
}

function serviceUrl(view: StatusView): string {
  const address = view.listeners[0]?.addresses[0];
  return address === undefined ? "(not listening)" : `http://${addressText(address)}`;
}

/** One line for each endpoint whose state is another than in `before`, and for workers that were replaced. */
export function changeLines(before: StatusView | undefined, view: StatusView): readonly string[] {
  const known = new Map<string, number>();
  for (const pool of before?.pools ?? []) {
    for (const { name, state } of pool.endpoints) known.set(`${pool.name}/${name}`, state);
  }
  const lines: string[] = [];
  for (const pool of view.pools) {
    for (const { name, state, whyText } of pool.endpoints) {
      if (known.get(`${pool.name}/${name}`) !== state)
        lines.push(`${pool.name}/${name} is ${endpointStateName[state]}: ${whyText}`);
    }
  }
  for (const worker of view.workers) {
    const restarts = before?.workers.find(({ index }) => index === worker.index)?.restarts;
    if (restarts !== undefined && restarts !== worker.restarts) lines.push(`worker ${worker.index} was replaced`);
  }
  return lines;
}

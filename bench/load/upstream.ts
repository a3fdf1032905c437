import { readFileSync } from "node:fs";
import type { Backend } from "./backend.ts";
import { summarize } from "./statistics.ts";

const established = "01";

/** How many connections to these ports of this machine are open, as the side that listens sees it. */
export function openConnections(ports: readonly number[]): number {
  const wanted = new Set(ports.map((port) => port.toString(16).toUpperCase().padStart(4, "0")));
  let count = 0;
  for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1)) {
    const [, local, , state] = line.trim().split(/\s+/);
    if (state === established && local !== undefined && wanted.has(local.slice(-4))) count += 1;
  }
  return count;
}

/** What a proxy puts on the back end in the middle half of a window. */
export interface UpstreamUse {
  /** Connections open at a time. */
  readonly open: number;
  /** Connections opened in that half. */
  readonly opened: number;
}

/**
 * Looks at the back end at a quarter, the middle and three quarters of a window: at its ends, connections come and go
 * with the load generator's.
 */
export async function watchUpstream(backend: Backend, ports: readonly number[], seconds: number): Promise<UpstreamUse> {
  const quarterMs = (seconds * 1000) / 4;
  await Bun.sleep(quarterMs);
  const acceptedBefore = await backend.accepted();
  const first = openConnections(ports);
  await Bun.sleep(quarterMs);
  const second = openConnections(ports);
  await Bun.sleep(quarterMs);
  const opened = (await backend.accepted()) - acceptedBefore;
  return { open: summarize([first, second, openConnections(ports)]).median, opened };
}

/**
 * Whether two proxies put the same load of connections on the back end, so that neither's figure is bought with
 * connections (or with the lack of them).
 */
export function differsInConnections(use: UpstreamUse, reference: UpstreamUse): boolean {
  const [own, other] = [use.open + use.opened, reference.open + reference.opened];
  const difference = Math.abs(own - other);
  return difference > differenceFree && difference > Math.max(own, other) * differenceMax;
}

const differenceMax = 0.1;
/** Downloads that the generator cut off at the end of the turn before leave a few connections more or less. */
const differenceFree = 5;

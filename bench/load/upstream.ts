import { readFileSync } from "node:fs";

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

/**
 * Whether two proxies put the same load of connections on the back end, so that neither's figure is bought with
 * connections (or with the lack of them). `used` is what was open at the start plus what was opened.
 */
export function differsInConnections(used: number, reference: number): boolean {
  const most = Math.max(used, reference);
  return Math.abs(used - reference) > most * differenceMax;
}

const differenceMax = 0.1;

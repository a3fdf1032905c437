import type { Backend } from "./backend.ts";

/** What a proxy puts on the back end in the middle of a turn. */
export interface UpstreamUse {
  /** Connections that carried something in the second quarter of the turn or after it. */
  readonly used: number;
  /** Connections that were opened in the middle half. */
  readonly opened: number;
}

/** Looks at the back end in the middle half of a turn: at its ends, connections come and go with the generator's. */
export async function watchUpstream(backend: Backend, ports: readonly number[], seconds: number): Promise<UpstreamUse> {
  const quarterMs = (seconds * 1000) / 4;
  await Bun.sleep(quarterMs);
  const acceptedBefore = await backend.accepted();
  await Bun.sleep(2 * quarterMs);
  const opened = (await backend.accepted()) - acceptedBefore;
  const ofPeer = ports.map((port) => `sport = :${port}`).join(" or ");
  const { stdout } = Bun.spawnSync(["ss", "-HOtni", "state", "established", `( ${ofPeer} )`]);
  return { used: countUsed(stdout.toString(), 2 * quarterMs), opened };
}

/**
 * Connections in a listing of `ss -HOti` that received something in the last `withinMs` milliseconds. Idle ones do not
 * count: how long a proxy keeps what it does not use costs nothing. (ss leaves `lastrcv` out where it is 0.)
 */
export function countUsed(listing: string, withinMs: number): number {
  const lines = listing.split("\n").filter((line) => line.trim() !== "");
  return lines.filter((line) => Number(/ lastrcv:(\d+)/.exec(line)?.[1] ?? 0) <= withinMs).length;
}

/** What two rows are compared by. */
export interface UpstreamLoad {
  readonly used: number;
  /** Connections opened per finished request. */
  readonly openedShare: number;
}

/**
 * Whether two proxies put different loads of connections on the back end, so that a figure would be bought with
 * connections (or with the lack of them). `isSteady`: the client keeps its connections, so that as many requests are
 * under way at each proxy; otherwise how many there are follows from how fast the proxy is, and only the openings count.
 */
export function differsInConnections(own: UpstreamLoad, reference: UpstreamLoad, isSteady: boolean): boolean {
  if (Math.abs(own.openedShare - reference.openedShare) > openedShareMax) return true;
  const difference = Math.abs(own.used - reference.used);
  return isSteady && difference > usedFree && difference > Math.max(own.used, reference.used) * usedShareMax;
}

const openedShareMax = 0.01;
const usedShareMax = 0.1;
/** Downloads that the generator cut off at the end of the turn before leave a few connections more or less. */
const usedFree = 5;

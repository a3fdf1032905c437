import type { Backend } from "./backend.ts";
import type { BenchCase } from "./cases.ts";
import { stopChild } from "./children.ts";
import { prepare, takeTurn, verify, type Contestant, type Turn } from "./measure.ts";
import { startPeer, type PeerName } from "./peers.ts";
import type { BenchSettings } from "./settings.ts";
import { summarize, type Summary } from "./statistics.ts";
import { differsInConnections, type UpstreamUse } from "./upstream.ts";

/** One peer in one case, over all pairs. */
export interface Row {
  readonly peer: PeerName;
  readonly cpuUs: Summary;
  /** CPU per request divided by that of HAProxy's turn in the same round. */
  readonly ratio: Summary;
  /** The same by requests per second; absent where a core was not full. */
  readonly ratioByThroughput: number | undefined;
  readonly perSecond: Summary;
  readonly coreShare: Summary;
  /** Connections to the back end: open at a time, and opened in the middle half of a turn. */
  readonly upstreamOpen: Summary;
  readonly upstreamOpened: Summary;
  readonly p50Us: Summary;
  readonly p99Us: Summary;
  readonly faults: readonly string[];
}

export interface CaseResult {
  readonly bench: BenchCase;
  readonly rows: readonly Row[];
}

const coreFullShare = 0.95;
const disagreementMax = 0.1;
const faultsShown = 2;

/** Peers in turns, `pairs` times, each started afresh for the case. The first peer is the one that ratios refer to. */
export async function runCase(
  bench: BenchCase,
  peers: readonly PeerName[],
  backend: Backend,
  settings: BenchSettings,
  options: { readonly pairs: number; readonly seconds: number; readonly onTurn: (turn: Turn, round: number) => void },
): Promise<CaseResult> {
  const contestants: Contestant[] = [];
  const faults = new Map<PeerName, Set<string>>(peers.map((peer) => [peer, new Set()]));
  const note = (peer: PeerName, found: readonly string[]): void =>
    found.forEach((fault) => faults.get(peer)?.add(fault));
  const rounds: Turn[][] = [];
  try {
    for (const name of peers) {
      const peer = await startPeer(name, settings, backend);
      contestants.push(await prepare(peer, bench, backend));
    }
    for (const contestant of contestants) note(contestant.peer.name, await verify(contestant, settings));
    for (let round = 0; round < options.pairs; round++) {
      const turns: Turn[] = [];
      for (const contestant of contestants) {
        const turn = await takeTurn(contestant, bench, backend, settings, options.seconds);
        options.onTurn(turn, round);
        note(turn.peer, turn.faults);
        turns.push(turn);
      }
      rounds.push(turns);
    }
    // Once more at the end: what goes wrong only after a while shows.
    for (const contestant of contestants) note(contestant.peer.name, await verify(contestant, settings));
  } finally {
    for (const { peer } of contestants) if (peer.name !== "bare") await stopChild(peer.child);
  }
  const rows = peers.map((peer, index) => judge(peer, index, rounds, [...(faults.get(peer) ?? [])]));
  return { bench, rows };
}

function judge(peer: PeerName, index: number, rounds: readonly (readonly Turn[])[], found: readonly string[]): Row {
  const pairs = rounds.flatMap((turns) => {
    const [own, reference] = [turns[index], turns[0]];
    return own === undefined || reference === undefined ? [] : [{ own, reference }];
  });
  const own = pairs.map((pair) => pair.own);
  const of = (value: (turn: Turn) => number): Summary => summarize(own.map(value));
  const isFull = pairs.every(
    (pair) => pair.own.coreShare >= coreFullShare && pair.reference.coreShare >= coreFullShare,
  );
  const ratio = summarize(pairs.map((pair) => pair.own.cpuUs / pair.reference.cpuUs));
  // With the core full, half the requests per second are twice the cost: what /proc says must agree with it.
  const byThroughput = summarize(pairs.map((pair) => pair.reference.perSecond / pair.own.perSecond)).median;
  const upstreamOpen = of((turn) => turn.upstream.open);
  const upstreamOpened = of((turn) => turn.upstream.opened);
  const faults =
    found.length > faultsShown ? [...found.slice(0, faultsShown), `${found.length - faultsShown} more`] : [...found];
  if (peer !== "bare") {
    const use = { open: upstreamOpen.median, opened: upstreamOpened.median };
    const reference = {
      open: summarize(pairs.map((pair) => pair.reference.upstream.open)).median,
      opened: summarize(pairs.map((pair) => pair.reference.upstream.opened)).median,
    };
    if (differsInConnections(use, reference)) {
      faults.push(`${describe(use)} to the back end, HAProxy ${describe(reference)}`);
    }
    if (isFull && Math.abs(byThroughput / ratio.median - 1) > disagreementMax) {
      faults.push(`CPU says ${ratio.median.toFixed(2)}, requests/s say ${byThroughput.toFixed(2)}`);
    }
  }
  return {
    peer,
    cpuUs: of((turn) => turn.cpuUs),
    ratio,
    ratioByThroughput: isFull && peer !== "bare" ? byThroughput : undefined,
    perSecond: of((turn) => turn.perSecond),
    coreShare: of((turn) => turn.coreShare),
    upstreamOpen,
    upstreamOpened,
    p50Us: of((turn) => turn.p50Us),
    p99Us: of((turn) => turn.p99Us),
    faults,
  };
}

function describe(use: UpstreamUse): string {
  return `${use.open} connections (${use.opened} opened meanwhile)`;
}

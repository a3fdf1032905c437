import type { Backend } from "./backend.ts";
import type { BenchCase } from "./cases.ts";
import { stopChild } from "./children.ts";
import { prepare, takeTurn, verify, type Contestant, type Turn } from "./measure.ts";
import { peerTitle, startPeer, type PeerName } from "./peers.ts";
import type { BenchSettings } from "./settings.ts";
import { summarize, type Summary } from "./statistics.ts";
import { differsInConnections, type UpstreamLoad } from "./upstream.ts";

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
  /** Connections to the back end that carried the load, and how many were opened per request. */
  readonly upstreamUsed: Summary;
  readonly upstreamOpenedShare: Summary;
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
const elsewhereShareMax = 0.1;
const faultsShown = 2;

/** Peers in turns, `pairs` times, each started afresh for the case. The first peer is the one that ratios refer to. */
export async function runCase(
  bench: BenchCase,
  peers: readonly PeerName[],
  backend: Backend,
  settings: BenchSettings,
  options: {
    readonly pairs: number;
    readonly seconds: number;
    readonly onTurn: (turn: Turn, round: number) => void;
  },
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
  const rows = peers.map((peer, index) => judge(bench, peer, index, rounds, [...(faults.get(peer) ?? [])]));
  return { bench, rows };
}

function judge(
  bench: BenchCase,
  peer: PeerName,
  index: number,
  rounds: readonly (readonly Turn[])[],
  found: readonly string[],
): Row {
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
  const upstreamUsed = of((turn) => turn.upstream.used);
  const upstreamOpenedShare = of((turn) => turn.upstream.openedShare);
  const faults =
    found.length > faultsShown ? [...found.slice(0, faultsShown), `${found.length - faultsShown} more`] : [...found];
  if (peer !== "bare") {
    const load = { used: upstreamUsed.median, openedShare: upstreamOpenedShare.median };
    const reference = {
      used: summarize(pairs.map((pair) => pair.reference.upstream.used)).median,
      openedShare: summarize(pairs.map((pair) => pair.reference.upstream.openedShare)).median,
    };
    if (differsInConnections(load, reference, !bench.isClosing)) {
      faults.push(
        `${describe(load)} to the back end, ${rounds[0]?.[0] === undefined ? "nobody" : peerTitle[rounds[0][0].peer]} ${describe(reference)}`,
      );
    }
    // Another program, or kernel work that is charged to nobody: either way the figure is not the whole cost.
    const elsewhere = of((turn) => turn.elsewhereShare).median;
    if (elsewhere > elsewhereShareMax) faults.push(`${Math.round(elsewhere * 100)} % of the core went elsewhere`);
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
    upstreamUsed,
    upstreamOpenedShare,
    p50Us: of((turn) => turn.p50Us),
    p99Us: of((turn) => turn.p99Us),
    faults,
  };
}

function describe(load: UpstreamLoad): string {
  return `${load.used} connections (${load.openedShare.toFixed(2)} opened per request)`;
}

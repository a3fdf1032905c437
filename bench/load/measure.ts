import type { Backend } from "./backend.ts";
import type { BenchCase } from "./cases.ts";
import { rampUsPerConnection, runH2load, runWrk, type Load, type WrkResult } from "./generators.ts";
import type { PeerName, RunningPeer } from "./peers.ts";
import { answerBytes } from "./probe.ts";
import { coreBusyUs, treeCpuUs } from "./process-tree.ts";
import type { BenchSettings } from "./settings.ts";
import { watchUpstream, type UpstreamLoad } from "./upstream.ts";

/** One peer's turn at one case. */
export interface Turn {
  readonly peer: PeerName;
  readonly requests: number;
  readonly perSecond: number;
  /** CPU of the proxy's whole process tree per finished request. */
  readonly cpuUs: number;
  /** Busy time of the proxy's core per finished request, whoever used it. */
  readonly coreUs: number;
  /** 0..1: share of the window in which the proxy's core was busy. */
  readonly coreShare: number;
  /** 0..1: share of the window in which the core did something that the peer's processes do not own up to. */
  readonly elsewhereShare: number;
  readonly upstream: UpstreamLoad;
  readonly p50Us: number;
  readonly p99Us: number;
  /** What was wrong; empty is good. */
  readonly faults: readonly string[];
}

/** A running peer with what is needed to judge its answers in one case. */
export interface Contestant {
  readonly peer: RunningPeer;
  readonly load: Load;
  /** Bytes of one whole answer. */
  readonly answerBytes: number;
}

/** Learns the length of a peer's answer, and checks it byte by byte. */
export async function prepare(peer: RunningPeer, bench: BenchCase, backend: Backend): Promise<Contestant> {
  const bodyFile = backend.bodyFile(bench.path);
  const load: Load = {
    url: `http://127.0.0.1:${peer.port}${bench.path}`,
    connections: bench.connections,
    bodyFile,
    isClosing: bench.isClosing,
    ...(bench.isPost ? { postFile: backend.postFile } : {}),
  };
  const read = async (file: string): Promise<Buffer> => Buffer.from(await Bun.file(file).arrayBuffer());
  const bytes = await answerBytes({
    port: peer.port,
    path: bench.path,
    expected: await read(bodyFile),
    isClosing: bench.isClosing,
    ...(bench.isPost ? { post: await read(backend.postFile) } : {}),
  });
  return { peer, load, answerBytes: bytes };
}

/** A second in which every body is compared; it also warms the peer up. Returns what was wrong. */
export async function verify(contestant: Contestant, settings: BenchSettings): Promise<string[]> {
  const result = await runWrk(settings, contestant.load, { seconds: 1, verify: true });
  const faults = wrkFaults(result);
  if (result.verified === 0) faults.push("no answer at all");
  if (result.wrongStatus > 0) faults.push(`${result.wrongStatus} answers had another status than 200`);
  if (result.wrongBody > 0) faults.push(`${result.wrongBody} answers had a wrong body`);
  return faults;
}

/** One measured window. */
export async function takeTurn(
  contestant: Contestant,
  bench: BenchCase,
  backend: Backend,
  settings: BenchSettings,
  seconds: number,
): Promise<Turn> {
  const { peer, load } = contestant;
  const busyBefore = coreBusyUs(settings.proxyCore);
  const cpuBefore = treeCpuUs(peer.child.pid);
  const startedMs = performance.now();
  const [run, upstream] = await Promise.all([
    bench.rate === undefined
      ? measureMaximum(contestant, settings, seconds)
      : measureRate(load, settings, seconds, bench.rate),
    watchUpstream(backend, backend.ports.get(peer.name) ?? [], seconds),
  ]);
  const windowUs = (performance.now() - startedMs) * 1000;
  const cpuUs = treeCpuUs(peer.child.pid) - cpuBefore;
  const busyUs = coreBusyUs(settings.proxyCore) - busyBefore;
  return {
    peer: peer.name,
    requests: run.requests,
    perSecond: (run.requests * 1e6) / run.durationUs,
    cpuUs: cpuUs / run.requests,
    coreUs: busyUs / run.requests,
    coreShare: busyUs / windowUs,
    elsewhereShare: (busyUs - cpuUs) / windowUs,
    // `opened` is of half the turn.
    upstream: { used: upstream.used, openedShare: upstream.opened / (run.requests / 2) },
    p50Us: run.p50Us,
    p99Us: run.p99Us,
    faults: run.faults,
  };
}

interface Run {
  readonly requests: number;
  readonly durationUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly faults: readonly string[];
}

async function measureMaximum(contestant: Contestant, settings: BenchSettings, seconds: number): Promise<Run> {
  const result = await runWrk(settings, contestant.load, { seconds, verify: false });
  const faults = wrkFaults(result);
  // wrk also counts the bytes of answers that were under way at the end: at most one a connection.
  const surplus = result.bytes - result.requests * contestant.answerBytes;
  if (surplus < 0 || surplus > contestant.load.connections * contestant.answerBytes) {
    faults.push(`${result.bytes} bytes in ${result.requests} answers of ${contestant.answerBytes} each`);
  }
  return { ...result, faults };
}

async function measureRate(load: Load, settings: BenchSettings, seconds: number, rate: number): Promise<Run> {
  const result = await runH2load(settings, load, { seconds, rate });
  const faults: string[] = [];
  if (result.failed > 0) faults.push(`${result.failed} requests without a good answer`);
  // A generator that waits for the peer is no open loop any more: its latencies would flatter.
  const reached = (result.requests * 1e6) / (result.durationUs - load.connections * rampUsPerConnection);
  if (reached < rate * 0.97) faults.push(`${Math.round(reached)} of ${rate} requests/s`);
  return { ...result, faults };
}

function wrkFaults(result: WrkResult): string[] {
  const counted = {
    connect: result.connect,
    read: result.read,
    write: result.write,
    timeout: result.timeout,
  };
  const faults = Object.entries(counted).flatMap(([what, count]) => (count > 0 ? [`${count} ${what} errors`] : []));
  if (result.status > 0) faults.push(`${result.status} answers with a status above 399`);
  if (result.requests === 0) faults.push("no request finished");
  return faults;
}

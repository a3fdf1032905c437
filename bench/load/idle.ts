import { connect, type Socket } from "node:net";
import type { Backend } from "./backend.ts";
import type { BenchCase } from "./cases.ts";
import { stopChild } from "./children.ts";
import { startPeer, type PeerName } from "./peers.ts";
import { treeRssBytes } from "./process-tree.ts";
import type { BenchSettings } from "./settings.ts";

/** Memory of one peer under idle client connections. */
export interface IdleRow {
  readonly peer: PeerName;
  /** Resident bytes of the whole tree before the first connection. */
  readonly treeBytes: number;
  /** The largest worker before the first connection; peers without a process of that kind: absent. */
  readonly workerBytes: number | undefined;
  /** Growth of the tree divided by the connections. */
  readonly bytesPerConnection: number;
  readonly faults: readonly string[];
}

export interface IdleResult {
  readonly bench: BenchCase;
  readonly rows: readonly IdleRow[];
}

const openAtOnce = 64;
const workerName = "wst-worker";
/** Longer than a garbage collector or an allocator takes to notice that nothing happens. */
const settleMs = 2_000;

/**
 * Opens idle connections to each peer in turn. Each has had one request and its answer: a connection that never said
 * anything would show less than what a keep-alive client costs.
 */
export async function runIdle(
  bench: BenchCase,
  peers: readonly PeerName[],
  backend: Backend,
  settings: BenchSettings,
): Promise<IdleResult> {
  const rows: IdleRow[] = [];
  for (const name of peers) {
    if (name !== "bare" && name !== "again") rows.push(await measureIdle(name, bench, backend, settings));
  }
  return { bench, rows };
}

async function measureIdle(
  name: PeerName,
  bench: BenchCase,
  backend: Backend,
  settings: BenchSettings,
): Promise<IdleRow> {
  const peer = await startPeer(name, settings, backend);
  const sockets: Socket[] = [];
  const faults: string[] = [];
  try {
    await Bun.sleep(settleMs);
    const before = treeRssBytes(peer.child.pid);
    const workers = before.filter((entry) => entry.name === workerName).map((entry) => entry.bytes);
    if (name === "ours" && workers.length === 0) faults.push(`no process is called ${workerName}`);
    const closed = { count: 0 };
    while (sockets.length < bench.connections) {
      const count = Math.min(openAtOnce, bench.connections - sockets.length);
      const opened = await Promise.all(Array.from({ length: count }, () => openIdle(peer.port, bench.path)));
      for (const socket of opened) socket.once("close", () => (closed.count += 1));
      sockets.push(...opened);
    }
    await Bun.sleep(settleMs);
    const growth = sum(treeRssBytes(peer.child.pid)) - sum(before);
    if (closed.count > 0) faults.push(`${closed.count} of ${bench.connections} connections were closed`);
    return {
      peer: name,
      treeBytes: sum(before),
      workerBytes: workers.length > 0 ? Math.max(...workers) : undefined,
      bytesPerConnection: growth / bench.connections,
      faults,
    };
  } finally {
    for (const socket of sockets) socket.destroy();
    await stopChild(peer.child);
  }
}

/** Resolves with the open socket after a complete answer of status 200. */
function openIdle(port: number, path: string): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ port, host: "127.0.0.1" });
  const received = { text: "" };
  socket.setEncoding("latin1");
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("closed before the answer was complete")));
  socket.on("data", (chunk: string) => {
    received.text += chunk;
    const headEnd = received.text.indexOf("\r\n\r\n");
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(received.text)?.[1]);
    if (headEnd < 0 || received.text.length < headEnd + 4 + length) return;
    if (received.text.startsWith("HTTP/1.1 200 ")) resolve(socket);
    else reject(new Error(`answered: ${received.text.slice(0, 40)}`));
  });
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  return promise;
}

function sum(entries: readonly { readonly bytes: number }[]): number {
  return entries.reduce((total, entry) => total + entry.bytes, 0);
}

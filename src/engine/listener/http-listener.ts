import { hashText } from "../../core/balance/hash.ts";
import { latin1 } from "../../lib/bytes.ts";
import { compileCidrs } from "../../lib/cidr.ts";
import type { ForwardedFields, RequestRules } from "../../core/http1/request-writer.ts";
import type { HeadLimits } from "../../core/http1/head-parser.ts";
import type { Router } from "../../core/route/router.ts";
import type { ListenerTimeouts } from "../../model/config.ts";
import type { ListenerSnapshot, ListenSocket, Snapshot } from "../../model/snapshot.ts";
import { listenerBase, listenerLimit, ListenerSlot, WorkerLimit, WorkerSlot } from "../../observe/counters.ts";
import { closeTcp, type Listener, listenTcp, type TcpHandlers, type TcpSocket } from "../net/tcp.ts";
import type { Runtime } from "../proxy/runtime.ts";
import type { Pool } from "../upstream/pool.ts";
import { ClientConnection, Ending, Phase } from "./client-connection.ts";

/** Clients whose forwarded fields are remembered; past it the memory starts anew. */
const peersMax = 4096;

/** What a listener does, as one snapshot says it; swapped whole. */
export interface ListenerSettings {
  readonly router: Router;
  readonly pools: readonly Pool[];
  readonly rules: RequestRules;
  readonly headLimits: HeadLimits;
  readonly bodyBytesMax: number;
  readonly connectionsMax: number;
  readonly timeouts: ListenerTimeouts;
  readonly waitsAfterFin: boolean;
  readonly isTrusted: (address: string) => boolean;
}

/** What is known of a client's address. */
export interface Peer {
  readonly address: string;
  /** The address as a key for balancing. */
  readonly key: number;
  readonly isTrusted: boolean;
  readonly forwarded: ForwardedFields;
}

export function listenerSettings(snapshot: ListenerSnapshot, router: Router, pools: readonly Pool[]): ListenerSettings {
  return {
    router,
    pools,
    rules: {
      addsXForwarded: snapshot.forward.xForwarded,
      addsForwarded: snapshot.forward.forwarded,
      addsRequestId: snapshot.forward.requestId,
      addsTraceContext: snapshot.forward.traceContext,
      dropsUnderscores: snapshot.underscores === "drop",
    },
    headLimits: {
      headBytesMax: snapshot.limits.headBytes,
      fieldsMax: snapshot.limits.headers,
      targetBytesMax: snapshot.limits.targetBytes,
    },
    bodyBytesMax: snapshot.limits.bodyBytes ?? Infinity,
    connectionsMax: snapshot.limits.connections,
    timeouts: snapshot.timeouts,
    waitsAfterFin: snapshot.halfClose,
    isTrusted: compileCidrs(snapshot.trust),
  };
}

/** Client connections of the whole node, and those that this worker's descriptors suffice for. */
type Bounds = Pick<Snapshot, "connectionsMax" | "workerConnectionsMax">;

/** A listener in one worker: its inherited sockets and the connections that came in through them. */
export class HttpListener {
  readonly runtime: Runtime;
  readonly name: string;
  /** First of its slots in the counters. */
  readonly base: number;
  settings: ListenerSettings;
  readonly connections = new Set<ClientConnection>();
  readonly #peers = new Map<string, Peer>();
  readonly #limit: number;
  readonly #bounds: () => Bounds;
  /** Answers end their connections: the listener is gone, or the worker drains. */
  isLeaving = false;
  /** By the socket's id. */
  readonly #sockets = new Map<number, Listener>();

  constructor(runtime: Runtime, snapshot: ListenerSnapshot, settings: ListenerSettings, bounds: () => Bounds) {
    this.runtime = runtime;
    this.name = snapshot.name;
    this.base = listenerBase(snapshot.slot);
    this.settings = settings;
    this.#limit = listenerLimit(snapshot.slot);
    this.#bounds = bounds;
  }

  /** Accepts on these sockets and no others; what it listens on already goes on untouched. */
  listen(
    sockets: readonly ListenSocket[],
    openSocket: (id: number) => number,
    handlers: TcpHandlers<ClientConnection>,
  ): void {
    for (const [id, listener] of this.#sockets) {
      if (sockets.some((socket) => socket.id === id)) continue;
      listener.stop();
      this.#sockets.delete(id);
    }
    for (const { id } of sockets) {
      if (this.#sockets.has(id)) continue;
      this.#sockets.set(id, listenTcp<ClientConnection>(openSocket(id), this as unknown as ClientConnection, handlers));
    }
  }

  /** Accepts nothing more; the next answer on each connection is its last. */
  retire(): void {
    this.isLeaving = true;
    for (const socket of this.#sockets.values()) socket.stop();
    this.#sockets.clear();
  }

  /** Ends connections on which nothing runs and nothing has begun. */
  endIdle(): void {
    for (const client of this.connections) {
      if (client.phase === Phase.Head && client.partial === null) client.end(Ending.Linger);
    }
  }

  /** A new snapshot: forwarded fields may look different now. */
  replaceSettings(settings: ListenerSettings): void {
    this.settings = settings;
    this.#peers.clear();
  }

  /**
   * Takes a new connection in, or closes it when there are too many in the node: refusing to accept instead would leave the
   * runtime's accept loop spinning at the descriptor limit.
   */
  accept(socket: TcpSocket<ClientConnection>): void {
    const counters = this.runtime.counters;
    if (!this.#tryEnter()) {
      counters[this.base + ListenerSlot.refused]!++;
      counters[WorkerSlot.connectionsRefused]!++;
      // Its events still come here once; there is nothing they could do.
      socket.data = refusedConnection;
      closeTcp(socket);
      return;
    }
    const client = new ClientConnection(this, socket);
    socket.data = client;
    this.connections.add(client);
    counters[WorkerSlot.connectionsNow]!++;
    counters[this.base + ListenerSlot.connections]!++;
    counters[this.base + ListenerSlot.connectionsNow]!++;
    client.awaitRead(this.runtime.nowMs + this.settings.timeouts.idleMs);
  }

  #tryEnter(): boolean {
    const { counters, limits } = this.runtime;
    const { connectionsMax, workerConnectionsMax } = this.#bounds();
    if (counters[WorkerSlot.connectionsNow]! >= workerConnectionsMax) return false;
    if (!limits.tryEnter(WorkerLimit.connections, connectionsMax)) return false;
    if (limits.tryEnter(this.#limit, this.settings.connectionsMax)) return true;
    limits.leave(WorkerLimit.connections);
    return false;
  }

  /** A connection that came in here is gone. */
  leave(client: ClientConnection): void {
    const { counters, limits } = this.runtime;
    counters[WorkerSlot.connectionsNow]!--;
    counters[this.base + ListenerSlot.connectionsNow]!--;
    limits.leave(WorkerLimit.connections);
    limits.leave(this.#limit);
    this.connections.delete(client);
  }

  /** Undefined where the client has reset its connection: what it sent before is still read, but its address is gone. */
  peerOf(socket: TcpSocket<ClientConnection>): Peer | undefined {
    // The type declarations do not know of that.
    const remote: string | undefined = socket.remoteAddress;
    if (remote === undefined) return undefined;
    const address = plainAddress(remote);
    const known = this.#peers.get(address);
    if (known !== undefined) return known;
    if (this.#peers.size >= peersMax) this.#peers.clear();
    const peer = makePeer(address, socket.localPort, plainAddress(socket.localAddress), this.settings);
    this.#peers.set(address, peer);
    return peer;
  }
}

/** Stands in `socket.data` of a connection that was closed on arrival. */
export const refusedConnection = null as unknown as ClientConnection;

/** An IPv4 client of an IPv6 socket is an IPv4 client. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

function makePeer(address: string, localPort: number, localAddress: string, settings: ListenerSettings): Peer {
  const bracketed = address.includes(":") ? `"[${address}]"` : address;
  const authority = localAddress.includes(":") ? `[${localAddress}]:${localPort}` : `${localAddress}:${localPort}`;
  return {
    address,
    key: hashText(address),
    isTrusted: settings.isTrusted(address),
    forwarded: {
      clientAddress: latin1(address),
      block: latin1(`X-Forwarded-For: ${address}\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: ${localPort}\r\n`),
      element: latin1(`for=${bracketed};proto=http`),
      protoLine: latin1("X-Forwarded-Proto: http\r\n"),
      portLine: latin1(`X-Forwarded-Port: ${localPort}\r\n`),
      localAuthority: latin1(authority),
    },
  };
}

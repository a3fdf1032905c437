import type { HeadParser } from "../../core/http1/head-parser.ts";
import { Persistence, Reframe, writeResponseHead } from "../../core/http1/response-writer.ts";
import { never } from "../../lib/timer-wheel.ts";
import { Failure } from "../../model/failure.ts";
import { ListenerSlot } from "../../observe/counters.ts";
import { type ClientConnection, Phase } from "../listener/client-connection.ts";
import { broken, send } from "../net/sender.ts";
import { ConnectionState, type EndpointConnection } from "../upstream/endpoint-connection.ts";
import type { Exchange } from "./exchange.ts";
import { abortByClient } from "./finish.ts";
import { toClient } from "./response-flow.ts";

/** A tunnel may be silent for hours; the kernel asks whether the other side is still there. */
const keepAliveMs = 60_000;

/**
 * The endpoint has switched protocols (RFC 9110 §15.2.2): from here on bytes pass both ways unread. What the client sent
 * behind its request head has waited for this moment, because before it those bytes could still have been a request.
 */
export function beginTunnel(
  exchange: Exchange,
  connection: EndpointConnection,
  head: HeadParser,
  bytes: Uint8Array,
  base: number,
  end: number,
): void {
  const client = exchange.client!;
  const runtime = exchange.runtime;
  exchange.status = 101;
  exchange.hasAnswered = true;
  exchange.keepsClient = false;
  exchange.reframe = Reframe.ToClose;
  exchange.responseDueMs = never;
  exchange.attemptDueMs = never;
  exchange.totalDueMs = never;
  runtime.counters[client.listener.base + ListenerSlot.status1xx]!++;
  connection.state = ConnectionState.Tunnel;
  client.phase = Phase.Tunnel;
  client.awaitRead(never);
  client.socket.setKeepAlive?.(true, keepAliveMs);
  connection.socket?.setKeepAlive?.(true, keepAliveMs);
  // The request is on its way for good; only the connections are needed now.
  runtime.giveBackBuffer(exchange.out);
  exchange.out = new Uint8Array(0);
  const length = writeResponseHead(head, bytes, base, runtime.scratch, 0, Reframe.Keep, Persistence.Upgrade);
  if (!toClient(exchange, runtime.scratch, 0, length, false)) return;
  if (base + head.headBytes < end && !toClient(exchange, bytes, base + head.headBytes, end, true)) return;
  const ahead = client.ahead;
  client.ahead = null;
  client.resume();
  if (ahead !== null) tunnelFromClient(client, ahead);
}

export function tunnelFromClient(client: ClientConnection, chunk: Uint8Array): void {
  const exchange = client.exchange!;
  const connection = exchange.connection!;
  exchange.runtime.counters[client.listener.base + ListenerSlot.bytesIn]! += chunk.length;
  if (send(connection, chunk, 0, chunk.length, true) === broken) {
    endTunnel(exchange, true);
    return;
  }
  if (connection.backlog !== null) client.pause();
}

export function tunnelFromEndpoint(exchange: Exchange, chunk: Uint8Array): void {
  toClient(exchange, chunk, 0, chunk.length, true);
}

/** The client has no more to say; the endpoint may have. */
export function endFromClient(client: ClientConnection): void {
  const exchange = client.exchange!;
  const connection = exchange.connection!;
  if (connection.sawEnd) endTunnel(exchange, false);
  else if (connection.backlog === null) connection.socket?.shutdown();
}

/** The endpoint has no more to say; the client may have. */
export function endFromEndpoint(exchange: Exchange): void {
  const client = exchange.client!;
  if (client.sawEnd) endTunnel(exchange, false);
  else if (client.backlog === null) client.socket.shutdown();
}

/** A backlog of the tunnel was written: the other side's end, if it has come meanwhile, can follow. */
export function tunnelDrained(exchange: Exchange): void {
  const client = exchange.client!;
  const connection = exchange.connection!;
  if (client.sawEnd && connection.sawEnd) {
    if (client.backlog === null && connection.backlog === null) endTunnel(exchange, false);
    return;
  }
  if (client.sawEnd && connection.backlog === null) connection.socket?.shutdown();
  if (connection.sawEnd && client.backlog === null) client.socket.shutdown();
}

/** Both sides are done, or one is broken, which the other must see as a reset. */
export function endTunnel(exchange: Exchange, resets: boolean): void {
  const client = exchange.client!;
  const connection = exchange.connection;
  if (!resets && (client.backlog !== null || (connection !== null && connection.backlog !== null))) return;
  if (resets) connection?.socket?.terminate();
  abortByClient(client, resets ? Failure.ResponseReset : Failure.None);
  client.close(resets);
}

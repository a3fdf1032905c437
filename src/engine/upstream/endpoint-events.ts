import { Failure } from "../../model/failure.ts";
import { EndpointSlot } from "../../observe/counters.ts";
import { broken, flush } from "../net/sender.ts";
import type { TcpHandlers } from "../net/tcp.ts";
import { Phase } from "../listener/client-connection.ts";
import { detach, failAttempt, sendRequest } from "../proxy/attempt.ts";
import type { Exchange } from "../proxy/exchange.ts";
import { failExchange } from "../proxy/finish.ts";
import { readResponseBody, readResponseHead, responseEnded } from "../proxy/response-flow.ts";
import { endFromEndpoint, endTunnel, tunnelDrained, tunnelFromEndpoint } from "../proxy/tunnel.ts";
import { ConnectionState, type EndpointConnection } from "./endpoint-connection.ts";

/** What the runtime reports of endpoints' sockets. */
export const endpointHandlers: TcpHandlers<EndpointConnection> = {
  open(socket) {
    const connection = socket.data;
    connection.socket = socket;
    connection.endpoint.opened();
    const exchange = connection.exchange;
    if (exchange !== null) {
      sendRequest(exchange, connection);
      return;
    }
    // Nobody waits any more, but a connection that has come late is as good as any.
    connection.endpoint.settled(true);
    connection.endpoint.keep(connection, connection.endpoint.lateIdleMs);
  },

  data(socket, chunk) {
    const connection = socket.data;
    const exchange = connection.exchange;
    if (exchange === null) {
      // Nothing was asked: whatever this is, it must not be taken for the next answer.
      connection.close();
      return;
    }
    exchange.runtime.counters[connection.endpoint.base + EndpointSlot.bytesIn]! += chunk.length;
    if (connection.state === ConnectionState.Tunnel) tunnelFromEndpoint(exchange, chunk);
    else if (exchange.hasAnswered) readResponseBody(exchange, chunk);
    else readResponseHead(exchange, connection, chunk);
  },

  drain(socket) {
    const connection = socket.data;
    const exchange = connection.exchange;
    if (connection.state === ConnectionState.Closed || connection.backlog === null || exchange === null) return;
    const taken = flush(connection);
    if (taken === broken) {
      lose(connection, exchange, true);
      return;
    }
    if (taken > 0) exchange.tookBytes();
    if (connection.backlog !== null) return;
    const client = exchange.client!;
    if (connection.state === ConnectionState.Tunnel) {
      client.resume();
      tunnelDrained(exchange);
      return;
    }
    if (exchange.isRequestDone) exchange.armResponse();
    else if (client.phase === Phase.Body) client.resume();
  },

  end(socket) {
    const connection = socket.data;
    connection.sawEnd = true;
    const exchange = connection.exchange;
    if (exchange === null) {
      endIdle(connection);
      return;
    }
    if (connection.isBroken) lose(connection, exchange, true);
    else if (connection.state === ConnectionState.Tunnel) endFromEndpoint(exchange);
    else responseEnded(exchange);
  },

  close(socket, isReset) {
    const connection = socket.data;
    if (connection.state === ConnectionState.Closed) return;
    const exchange = connection.exchange;
    if (exchange === null) {
      endIdle(connection);
      return;
    }
    lose(connection, exchange, isReset || connection.isBroken);
  },
};

/** The connect has failed; nothing was sent. */
export function connectFailed(connection: EndpointConnection, code: string): void {
  const exchange = connection.exchange;
  connection.endpoint.settled(exchange === null);
  if (exchange === null) {
    connection.close();
    return;
  }
  // Not a connect any more: `failAttempt` lets go of it as of any other connection.
  connection.state = ConnectionState.Busy;
  failAttempt(exchange, code === "ECONNREFUSED" ? Failure.ConnectRefused : Failure.ConnectFailed);
}

function endIdle(connection: EndpointConnection): void {
  if (connection.state === ConnectionState.Idle) connection.endpoint.endedIdle(connection);
  connection.close();
}

function lose(connection: EndpointConnection, exchange: Exchange, isReset: boolean): void {
  connection.isBroken = connection.isBroken || isReset;
  if (connection.state === ConnectionState.Tunnel) {
    endTunnel(exchange, isReset);
    return;
  }
  if (!isReset) {
    responseEnded(exchange);
    return;
  }
  if (exchange.isResponseDone) detach(exchange);
  else if (exchange.hasAnswered) failExchange(exchange, Failure.ResponseReset);
  else failAttempt(exchange, Failure.ResetBeforeResponse);
}

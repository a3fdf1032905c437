import type { Refusal } from "../../core/http1/refusal.ts";
import { Reframe } from "../../core/http1/response-writer.ts";
import { never } from "../../lib/timer-wheel.ts";
import { Failure } from "../../model/failure.ts";
import { TroubleSign } from "../../model/link.ts";
import { EndpointSlot, ListenerSlot } from "../../observe/counters.ts";
import { type ClientConnection, Ending, Phase } from "../listener/client-connection.ts";
import { accessLine } from "./access-line.ts";
import { detach } from "./attempt.ts";
import type { Exchange } from "./exchange.ts";
import { respondTo } from "./local-response.ts";
import { readHead } from "./request-flow.ts";

/** The last byte of the response was handed on: the endpoint's connection is free, the client's when it has taken all. */
export function completeResponse(exchange: Exchange): void {
  exchange.isResponseDone = true;
  exchange.responseDueMs = never;
  // An early answer: the rest of a short body still goes the way of its beginning.
  if (exchange.isRequestDone || !exchange.keepsClient) exchangeDone(exchange);
}

/** Request and response are complete as far as they will be. */
export function exchangeDone(exchange: Exchange): void {
  releaseConnection(exchange);
  if (exchange.client!.backlog === null) clientFinished(exchange);
}

function releaseConnection(exchange: Exchange): void {
  const connection = exchange.connection;
  if (connection === null) return;
  const mayBeUsedAgain =
    exchange.endpointPersists &&
    exchange.isRequestDone &&
    connection.backlog === null &&
    !connection.sawEnd &&
    exchange.pool!.reuse;
  if (!mayBeUsedAgain) {
    detach(exchange);
    return;
  }
  exchange.connection = null;
  connection.exchange = null;
  exchange.runtime.counters[connection.endpoint.base + EndpointSlot.attemptsNow]!--;
  connection.resume();
  connection.endpoint.keep(connection, exchange.pool!.timeouts.idleMs);
  if (exchange.placeAt !== null) exchange.placeAt.leave(exchange);
}

/** Request and response are over and everything is written: the next exchange of the connection, or its end. */
export function clientFinished(exchange: Exchange): void {
  const client = exchange.client!;
  const keeps = exchange.keepsClient && exchange.isRequestDone && !client.sawEnd;
  const isAllRead = exchange.isRequestDone && client.ahead === null;
  endExchange(exchange);
  if (!keeps) {
    client.end(isAllRead ? Ending.Close : Ending.Linger);
    return;
  }
  client.phase = Phase.Head;
  client.resume();
  client.awaitRead(client.listener.runtime.nowMs + client.listener.settings.timeouts.idleMs);
  if (client.ahead !== null) readNext(client);
}

/** Requests that were sent ahead. A loop, because each may be answered at once and come back here. */
function readNext(client: ClientConnection): void {
  if (client.isReadingAhead) return;
  client.isReadingAhead = true;
  while (client.phase === Phase.Head && client.ahead !== null) {
    const ahead = client.ahead;
    client.ahead = null;
    readHead(client, ahead, 0, ahead.length);
  }
  client.isReadingAhead = false;
}

/** Gives the exchange back; the client's connection stays as it is. */
function endExchange(exchange: Exchange): void {
  const client = exchange.client!;
  if (exchange.loggedFromMs > 0) exchange.runtime.accessLog?.write(accessLine(exchange));
  client.exchange = null;
  exchange.runtime.counters[client.listener.base + ListenerSlot.exchangesNow]!--;
  exchange.runtime.giveBackExchange(exchange);
}

/** The exchange cannot be saved. Before the answer the client gets a status, after it only the end of the connection. */
export function failExchange(exchange: Exchange, failure: Failure): void {
  exchange.failure = failure;
  detach(exchange);
  if (!exchange.hasAnswered) {
    respondTo(exchange, failure);
    return;
  }
  countBrokenAnswer(exchange, failure);
  cutResponse(exchange);
}

/** No other attempt may follow, but the endpoint is in doubt as after a reset before its answer. */
function countBrokenAnswer(exchange: Exchange, failure: Failure): void {
  const endpoint = exchange.endpoint;
  if (endpoint === null) return;
  if (failure === Failure.ResponseReset || failure === Failure.ResponseCut) {
    endpoint.count(EndpointSlot.resets);
    exchange.runtime.report(endpoint.row, TroubleSign.Reset);
  } else if (failure === Failure.BadResponseBody) {
    endpoint.count(EndpointSlot.badResponses);
    exchange.runtime.report(endpoint.row, TroubleSign.BadResponse);
  }
}

/** The request itself is at fault, found after its head was accepted. */
export function refuseExchange(exchange: Exchange, refusal: Refusal): void {
  exchange.failure = Failure.Refused;
  detach(exchange);
  if (!exchange.hasAnswered) {
    respondTo(exchange, Failure.Refused, refusal);
    return;
  }
  cutResponse(exchange);
}

/**
 * A response cut short must look like one: with a length or chunks the missing rest shows it; where only the close marks
 * the end, the close must be a reset.
 */
function cutResponse(exchange: Exchange): void {
  const client = exchange.client!;
  const ending = exchange.reframe === Reframe.ToClose ? Ending.Reset : Ending.Close;
  endExchange(exchange);
  client.end(ending);
}

/** The client left, stopped reading, or its tunnel is over: the attempt is called off. The caller closes the connection. */
export function abortByClient(client: ClientConnection, failure: Failure): void {
  const exchange = client.exchange!;
  exchange.failure = failure;
  if (failure !== Failure.None) exchange.runtime.counters[client.listener.base + ListenerSlot.clientGone]!++;
  detach(exchange);
  endExchange(exchange);
}

import { ReadyTier } from "../../core/balance/ready.ts";
import { decideRetry, Retry, type RetryDecision } from "../../core/traffic/retry.ts";
import { never } from "../../lib/timer-wheel.ts";
import { Failure } from "../../model/failure.ts";
import { TroubleSign } from "../../model/link.ts";
import { EndpointSlot } from "../../observe/counters.ts";
import { clock } from "../../platform/clock.ts";
import { broken, send } from "../net/sender.ts";
import { ConnectionState, type EndpointConnection } from "../upstream/endpoint-connection.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { Exchange } from "./exchange.ts";
import { failExchange } from "./finish.ts";

/** Sends what there is of the request to `exchange.endpoint`, over an unused connection or a new one. */
export function startAttempt(exchange: Exchange, mustBeFresh = false): void {
  const endpoint = exchange.endpoint!;
  const pool = exchange.pool!;
  const runtime = exchange.runtime;
  runtime.counters[endpoint.base + EndpointSlot.attempts]!++;
  runtime.counters[endpoint.base + EndpointSlot.attemptsNow]!++;
  if (pool.wantsLatency) exchange.askedMs = clock.monotonicMs();
  // The last attempt is not cut short: it gets the rest of the response time-out.
  if (pool.retry.attemptTimeoutMs > 0 && exchange.attempts + 1 < pool.retry.attempts) {
    exchange.attemptDueMs = runtime.nowMs + pool.retry.attemptTimeoutMs;
  }
  const idle = mustBeFresh || !pool.reuse ? undefined : endpoint.takeIdle(exchange.isIdempotent);
  exchange.wasReused = idle !== undefined;
  if (idle !== undefined) {
    idle.exchange = exchange;
    exchange.connection = idle;
    sendRequest(exchange, idle);
    return;
  }
  if (!endpoint.canConnect) {
    runtime.counters[endpoint.base + EndpointSlot.attemptsNow]!--;
    failAttempt(exchange, Failure.ConnectTimeout);
    return;
  }
  const connection = endpoint.connect();
  connection.exchange = exchange;
  exchange.connection = connection;
  exchange.connectDueMs = pool.timeouts.connectMs > 0 ? runtime.nowMs + pool.timeouts.connectMs : never;
  exchange.schedule();
}

/** Writes the head and what came of the body to a connection that is open. */
export function sendRequest(exchange: Exchange, connection: EndpointConnection): void {
  connection.state = ConnectionState.Busy;
  connection.uses++;
  exchange.isSending = true;
  exchange.connectDueMs = never;
  exchange.runtime.counters[connection.endpoint.base + EndpointSlot.bytesOut]! += exchange.outLength;
  const taken = send(connection, exchange.out, 0, exchange.outLength, false);
  if (taken === broken) {
    failAttempt(exchange, Failure.SendRefused);
    return;
  }
  exchange.attempts++;
  if (taken > 0) exchange.tookBytes();
  const client = exchange.client!;
  if (connection.backlog !== null) {
    if (!exchange.isRequestDone) client.pause();
    exchange.schedule();
    return;
  }
  if (client.isPaused && !exchange.isRequestDone) client.resume();
  if (exchange.isRequestDone) exchange.armResponse();
  else if (exchange.attemptDueMs !== never) exchange.schedule();
}

/**
 * The current attempt is over without an answer that could be passed on. Another one follows where the rules allow it;
 * otherwise the exchange fails.
 */
export function failAttempt(exchange: Exchange, failure: Failure, status = 0): void {
  const endpoint = exchange.endpoint!;
  const pool = exchange.pool!;
  const runtime = exchange.runtime;
  if (exchange.wasReused && exchange.connection !== null) endpoint.endedIdle(exchange.connection);
  detach(exchange);
  if (pool.wantsLatency) timeFailure(exchange, endpoint, failure);
  countFailure(exchange, endpoint, failure);
  const tried = (exchange.tried ??= []);
  const isLost = failure === Failure.ResetBeforeResponse || failure === Failure.EndBeforeResponse;
  // The end of a connection that waited for work says nothing about the endpoint: others come first, but it stays one of
  // those that can be asked, over a fresh connection.
  const isStale = isLost && exchange.wasReused;
  if (!isStale && !tried.includes(endpoint)) tried.push(endpoint);
  const avoided = isStale ? [...tried, endpoint] : tried;
  const decision = decideRetry({
    failure,
    status,
    hasSentBytes: exchange.hasSentBytes,
    isIdempotent: exchange.isIdempotent,
    isConditionalWrite: exchange.isConditionalWrite,
    canReplay: exchange.canReplay,
    hasAnswered: exchange.hasAnswered || exchange.hasInformed,
    attempts: exchange.attempts,
    attemptsMax: pool.retry.attempts,
    hasOtherEndpoint: pool.hasOther(avoided),
    wasReused: exchange.wasReused,
    hasTime: runtime.nowMs < exchange.totalDueMs,
    on: pool.retry.on,
  });
  if (decision.retry === Retry.No || (decision.isPaid && !pool.budget.take(runtime.nowMs))) {
    failExchange(exchange, failure);
    return;
  }
  if (decision.retry === Retry.Other) exchange.endpoint = pool.pickOther(exchange.balanceKey, avoided)!;
  endpoint.count(EndpointSlot.retries);
  exchange.hasSentBytes = false;
  // One lost connection is enough: the next attempt does not rely on another that may have ended meanwhile.
  startAttempt(exchange, isLost || decision.retry === Retry.SameFresh);
}

/**
 * The endpoint went DOWN while the exchange waits there. Where the rules allow another attempt and another endpoint is in
 * order, it goes there; everything else (a POST, say, which may be running) waits on.
 */
export function moveAway(exchange: Exchange): void {
  const pool = exchange.pool!;
  // In panic the others are no better.
  if (pool.tier === ReadyTier.Panic) return;
  if (previewRetry(exchange, Failure.EndpointDown, 0).retry !== Retry.Other) return;
  failAttempt(exchange, Failure.EndpointDown);
}

/** Whether an answer with this status would be thrown away for another attempt; nothing has happened yet. */
export function wouldRetryStatus(exchange: Exchange, status: number): boolean {
  return previewRetry(exchange, Failure.StatusListed, status).retry !== Retry.No;
}

/**
 * The attempt has had its time. Where no other may follow (a POST that may be running, no endpoint left, nothing left in the
 * budget) it is not given up: that would only make a failure of a late answer. `timeouts.response` bounds it.
 */
function attemptOverdue(exchange: Exchange): void {
  const pool = exchange.pool!;
  const endpoint = exchange.endpoint!;
  const nowMs = exchange.runtime.nowMs;
  const decision = previewRetry(exchange, Failure.AttemptTimeout, 0);
  if (decision.retry !== Retry.No && (!decision.isPaid || pool.budget.has(nowMs))) {
    failAttempt(exchange, Failure.AttemptTimeout);
    return;
  }
  endpoint.count(EndpointSlot.timeouts);
  exchange.runtime.report(endpoint.row, TroubleSign.Timeout);
  // The budget fills again; nothing else that stands against another attempt goes away.
  exchange.attemptDueMs = decision.retry === Retry.No ? never : nowMs + pool.retry.attemptTimeoutMs;
  exchange.schedule();
}

/** What would be decided if the attempt failed so; nothing has happened yet. */
function previewRetry(exchange: Exchange, failure: Failure, status: number): RetryDecision {
  const pool = exchange.pool!;
  const tried = exchange.tried === null ? [exchange.endpoint!] : [...exchange.tried, exchange.endpoint!];
  // Whoever answers with a status has been asked, and over a connection that was in order.
  const isAnswer = failure === Failure.StatusListed;
  return decideRetry({
    failure,
    status,
    hasSentBytes: isAnswer || exchange.hasSentBytes,
    isIdempotent: exchange.isIdempotent,
    isConditionalWrite: exchange.isConditionalWrite,
    canReplay: exchange.canReplay,
    hasAnswered: exchange.hasAnswered || exchange.hasInformed,
    attempts: exchange.attempts,
    attemptsMax: pool.retry.attempts,
    hasOtherEndpoint: pool.hasOther(tried),
    wasReused: !isAnswer && exchange.wasReused,
    hasTime: exchange.runtime.nowMs < exchange.totalDueMs,
    on: pool.retry.on,
  });
}

/** Takes the exchange off its connection. A connection that is not idle by now carries remains of it, and is closed. */
export function detach(exchange: Exchange): void {
  const connection = exchange.connection;
  exchange.isSending = false;
  exchange.connectDueMs = never;
  exchange.attemptDueMs = never;
  exchange.responseDueMs = never;
  exchange.awaitsSinceMs = never;
  if (connection === null) return;
  exchange.connection = null;
  const endpoint = connection.endpoint;
  exchange.runtime.counters[endpoint.base + EndpointSlot.attemptsNow]!--;
  if (connection.state === ConnectionState.Connecting) {
    endpoint.abandon(connection);
    return;
  }
  connection.exchange = null;
  connection.close();
}

/** The head of the final answer is here; only for pools that balance by latency. */
export function timeAnswer(exchange: Exchange, endpoint: Endpoint): void {
  const nowMs = clock.monotonicMs();
  endpoint.latency?.answered(nowMs - exchange.askedMs, nowMs);
}

/** Balancing by latency takes a failure for a very slow answer. */
function timeFailure(exchange: Exchange, endpoint: Endpoint, failure: Failure): void {
  const isLoss =
    failure === Failure.SendRefused || failure === Failure.ResetBeforeResponse || failure === Failure.EndBeforeResponse;
  // The end of a connection that waited for work says nothing about the endpoint.
  if (isLoss && exchange.wasReused) return;
  const nowMs = clock.monotonicMs();
  endpoint.latency?.failed(nowMs - exchange.askedMs, nowMs);
}

function countFailure(exchange: Exchange, endpoint: Endpoint, failure: Failure): void {
  const report = exchange.runtime.report;
  switch (failure) {
    case Failure.ConnectRefused:
    case Failure.ConnectTimeout:
    case Failure.ConnectFailed:
      endpoint.count(EndpointSlot.connectFailures);
      report(endpoint.row, TroubleSign.Connect);
      return;
    case Failure.AttemptTimeout:
    case Failure.ResponseTimeout:
      endpoint.count(EndpointSlot.timeouts);
      report(endpoint.row, TroubleSign.Timeout);
      return;
    case Failure.BadResponse:
      endpoint.count(EndpointSlot.badResponses);
      report(endpoint.row, TroubleSign.BadResponse);
      return;
    // An answer was counted when its head was read, and of DOWN everybody knows.
    case Failure.StatusListed:
    case Failure.EndpointDown:
      return;
    default:
      // The end of a connection that waited for work says nothing about the endpoint.
      if (exchange.wasReused) return;
      endpoint.count(EndpointSlot.resets);
      report(endpoint.row, TroubleSign.Reset);
  }
}

/** One of the exchange's deadlines has passed: which one, and what follows from it. */
export function exchangeDeadline(exchange: Exchange, nowMs: number): void {
  if (exchange.client === null) return;
  if (nowMs >= exchange.totalDueMs) failExchange(exchange, Failure.TotalTimeout);
  else if (nowMs >= exchange.connectDueMs) failAttempt(exchange, Failure.ConnectTimeout);
  else if (nowMs >= exchange.attemptDueMs && !exchange.hasAnswered) attemptOverdue(exchange);
  else if (nowMs >= exchange.responseDueMs) {
    if (exchange.hasAnswered) failExchange(exchange, Failure.ResponseStalled);
    else failAttempt(exchange, Failure.ResponseTimeout);
  } else exchange.schedule();
}

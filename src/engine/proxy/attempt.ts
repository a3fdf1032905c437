import { ReadyTier } from "../../core/balance/ready.ts";
import { decideRetry, isRetry, Retry, type RetryDecision, RetryWhy, retryWhyCode } from "../../core/traffic/retry.ts";
import { never } from "../../lib/timer-wheel.ts";
import { Failure, failureCode } from "../../model/failure.ts";
import { TroubleSign } from "../../model/link.ts";
import { EndpointSlot, PoolSlot } from "../../observe/counters.ts";
import { clock } from "../../platform/clock.ts";
import { broken, send } from "../net/sender.ts";
import { admit, Admission } from "../upstream/admission.ts";
import { ConnectionState, type EndpointConnection } from "../upstream/endpoint-connection.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { Exchange } from "./exchange.ts";
import { failExchange } from "./finish.ts";

/** Starts an attempt at `exchange.endpoint`; where endpoints have limits, at any that has room, and perhaps later. */
export function enter(exchange: Exchange): void {
  if (exchange.pool!.queue === null) {
    startAttempt(exchange);
    return;
  }
  switch (admit(exchange, exchange.endpoint!)) {
    case Admission.Go:
      startAttempt(exchange);
      return;
    case Admission.Refuse:
      failExchange(exchange, Failure.QueueFull);
      return;
    default:
      return;
  }
}

/** Sends what there is of the request to `exchange.endpoint`, over an unused connection or a new one. */
export function startAttempt(exchange: Exchange): void {
  const endpoint = exchange.endpoint!;
  const pool = exchange.pool!;
  const runtime = exchange.runtime;
  runtime.counters[endpoint.base + EndpointSlot.attempts]!++;
  if (pool.wantsLatency) exchange.askedMs = clock.monotonicMs();
  // The last attempt is not cut short: it gets the rest of the response time-out.
  if (pool.retry.attemptTimeoutMs > 0 && exchange.attempts + 1 < pool.retry.attempts) {
    exchange.attemptDueMs = runtime.nowMs + pool.retry.attemptTimeoutMs;
  }
  const idle = exchange.mustBeFresh || !pool.reuse ? undefined : endpoint.takeIdle(exchange.isIdempotent);
  exchange.wasReused = idle !== undefined;
  if (idle !== undefined) {
    runtime.counters[endpoint.base + EndpointSlot.attemptsNow]!++;
    idle.exchange = exchange;
    exchange.connection = idle;
    sendRequest(exchange, idle);
    return;
  }
  if (!endpoint.canConnect) {
    failAttempt(exchange, Failure.ConnectTimeout);
    return;
  }
  runtime.counters[endpoint.base + EndpointSlot.attemptsNow]!++;
  const connection = endpoint.connect(exchange);
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
 * otherwise the exchange fails. `isPaid`: the retry budget has paid for it already.
 */
export function failAttempt(exchange: Exchange, failure: Failure, status = 0, isPaid = false): void {
  const endpoint = exchange.endpoint!;
  const pool = exchange.pool!;
  if (exchange.wasReused && exchange.connection !== null) endpoint.endedIdle(exchange.connection);
  detach(exchange);
  if (pool.wantsLatency) timeFailure(exchange, endpoint, failure);
  countFailure(exchange, endpoint, failure);
  const tried = (exchange.tried ??= []);
  const isLost = isConnectionLost(failure);
  // The end of a connection that waited for work says nothing about the endpoint: others come first, but it stays one of
  // those that can be asked, over a fresh connection.
  const isStale = isLost && exchange.wasReused;
  if (!isStale && !tried.includes(endpoint)) tried.push(endpoint);
  const avoided = isStale ? [...tried, endpoint] : tried;
  const decision = decide(exchange, avoided, failure, status);
  if (decision.retry === Retry.No || (!isPaid && !pays(exchange, decision))) {
    noteDecision(exchange, failure, decision.retry === Retry.No ? decision.why : RetryWhy.BudgetUsedUp);
    failExchange(exchange, failure);
    return;
  }
  if (decision.retry === Retry.Other)
    exchange.endpoint = pool.pickOther(exchange.balanceKey, avoided) ?? pool.lastResort(avoided)!;
  noteDecision(exchange, failure, decision.why);
  endpoint.count(EndpointSlot.retries);
  exchange.hasSentBytes = false;
  exchange.lastFailure = failure;
  // One lost connection is enough: the next attempt does not rely on another that may have ended meanwhile.
  exchange.mustBeFresh = isLost;
  enter(exchange);
}

function isConnectionLost(failure: Failure): boolean {
  return (
    failure === Failure.ResetBeforeResponse || failure === Failure.EndBeforeResponse || failure === Failure.SendRefused
  );
}

/** There is no answer and none will come: anything is better than the failure. */
function isConnectionFailure(failure: Failure): boolean {
  return isConnectionLost(failure) || failure === Failure.BadResponse || failure < Failure.SendRefused;
}

function decide(exchange: Exchange, avoided: readonly Endpoint[], failure: Failure, status: number): RetryDecision {
  const pool = exchange.pool!;
  return decideRetry({
    failure,
    status,
    hasSentBytes: exchange.hasSentBytes,
    isIdempotent: exchange.isIdempotent,
    isConditionalWrite: exchange.isConditionalWrite,
    canReplay: exchange.canReplay,
    hasAnswered: exchange.hasAnswered || exchange.hasInformed,
    attempts: exchange.attempts,
    attemptsMax: pool.retry.attempts,
    hasOtherEndpoint:
      pool.hasOther(avoided) || (isConnectionFailure(failure) && pool.lastResort(avoided) !== undefined),
    wasReused: exchange.wasReused,
    hasTime: exchange.runtime.nowMs < exchange.totalDueMs,
    on: pool.retry.on,
  });
}

/** Whether the budget allows this retry; it is used up by asking. */
function pays(exchange: Exchange, decision: RetryDecision): boolean {
  return !decision.isPaid || exchange.pool!.budget.take(exchange.runtime.nowMs);
}

/** Every decision is counted with its reason; at level debug it is a line of the log, too. */
function noteDecision(exchange: Exchange, failure: Failure, why: RetryWhy): void {
  const { runtime } = exchange;
  const pool = exchange.pool!;
  runtime.counters[pool.base + PoolSlot.retryDecisions + why]!++;
  if (!runtime.logsDebug) return;
  const tried = exchange.tried === null ? exchange.endpoint!.name : exchange.tried.map(({ name }) => name).join(", ");
  const next = isRetry(why) ? `goes on to ${exchange.endpoint!.name}` : "is not tried again";
  const text = `pool ${pool.name}: ${failureCode(failure)} after ${exchange.attempts} sent attempts (tried: ${tried}); the exchange ${next}: ${retryWhyCode[why]}`;
  runtime.log("debug", "retry-decision", text);
}

/**
 * Why no other attempt takes the place of the current one, which is still running. Absent: one does, and it is paid for.
 */
function whyStays(exchange: Exchange, failure: Failure, status: number): RetryWhy | undefined {
  const pool = exchange.pool!;
  const tried = [...(exchange.tried ?? []), exchange.endpoint!];
  const decision = decide(exchange, tried, failure, status);
  let why = decision.why;
  // Over a fresh connection to the same endpoint it would not get on any better.
  if (decision.retry === Retry.Other) {
    // What is here, or may still come, is not given up for a place in a queue.
    if (pool.queue !== null && !pool.hasRoom(tried)) why = RetryWhy.OthersFull;
    else if (pays(exchange, decision)) return undefined;
    else why = RetryWhy.BudgetUsedUp;
  }
  noteDecision(exchange, failure, why);
  return why;
}

/**
 * The endpoint went DOWN while the exchange waits there. Where the rules allow another attempt and another endpoint is in
 * order, it goes there; everything else (a POST, say, which may be running) waits on.
 */
export function moveAway(exchange: Exchange): void {
  // In panic the others are no better.
  if (exchange.pool!.tier === ReadyTier.Panic) return;
  const tried = [...(exchange.tried ?? []), exchange.endpoint!];
  const decision = decide(exchange, tried, Failure.EndpointDown, 0);
  if (decision.retry === Retry.Other) failAttempt(exchange, Failure.EndpointDown);
}

/** Whether an answer with this status is thrown away for another attempt, which must then follow: it is paid for. */
export function wouldRetryStatus(exchange: Exchange, status: number): boolean {
  return whyStays(exchange, Failure.StatusListed, status) === undefined;
}

/** Takes the exchange off its connection. A connection that is not idle by now carries remains of it, and is closed. */
export function detach(exchange: Exchange): void {
  const connection = exchange.connection;
  exchange.isSending = false;
  exchange.connectDueMs = never;
  exchange.attemptDueMs = never;
  exchange.responseDueMs = never;
  exchange.awaitsSinceMs = never;
  if (exchange.queue !== null) exchange.queue.abandon(exchange);
  if (connection !== null) letGo(exchange, connection);
  if (exchange.hasConnectionPlace) {
    // The attempt has ended before there was a connection.
    exchange.hasConnectionPlace = false;
    exchange.endpoint!.leaveConnection();
  }
  if (exchange.placeAt !== null) exchange.placeAt.leave(exchange);
}

function letGo(exchange: Exchange, connection: EndpointConnection): void {
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
  else if (nowMs >= exchange.queueDueMs) exchange.queue!.expire(exchange);
  else if (nowMs >= exchange.attemptDueMs && !exchange.hasAnswered) endSlowAttempt(exchange);
  else if (nowMs >= exchange.responseDueMs) {
    if (exchange.hasAnswered) failExchange(exchange, Failure.ResponseStalled);
    else failAttempt(exchange, Failure.ResponseTimeout);
  } else exchange.schedule();
}

/**
 * An attempt that is not cut short for another one goes on: what is slow may still come, and `timeouts.response` bounds it.
 * Where only the budget or a place elsewhere was missing, the question is asked again: both come back.
 */
function endSlowAttempt(exchange: Exchange): void {
  const why = whyStays(exchange, Failure.AttemptTimeout, 0);
  if (why === undefined) {
    failAttempt(exchange, Failure.AttemptTimeout, 0, true);
    return;
  }
  const { runtime, endpoint, pool } = exchange;
  endpoint!.count(EndpointSlot.timeouts);
  runtime.report(endpoint!.row, TroubleSign.Timeout);
  const mayMoveLater = why === RetryWhy.BudgetUsedUp || why === RetryWhy.OthersFull;
  exchange.attemptDueMs = mayMoveLater ? runtime.nowMs + pool!.retry.attemptTimeoutMs : never;
  exchange.schedule();
}

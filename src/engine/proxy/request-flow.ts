import { Decoded } from "../../core/http1/chunked.ts";
import { Framing, isPersistent, requestFraming } from "../../core/http1/framing.ts";
import { Fed, type HeadParser } from "../../core/http1/head-parser.ts";
import { isIdempotent, Method } from "../../core/http1/method.ts";
import { Refusal } from "../../core/http1/refusal.ts";
import {
  asksUpgrade,
  requestGrowthMax,
  writeContentLength,
  writeRequestHead,
} from "../../core/http1/request-writer.ts";
import { latin1Text } from "../../lib/bytes.ts";
import { never } from "../../lib/timer-wheel.ts";
import { Failure } from "../../model/failure.ts";
import { EndpointSlot, ListenerSlot } from "../../observe/counters.ts";
import { clock, random } from "../../platform/clock.ts";
import { type ClientConnection, Phase } from "../listener/client-connection.ts";
import { broken, send } from "../net/sender.ts";
import { detach, enter, failAttempt } from "./attempt.ts";
import type { Exchange } from "./exchange.ts";
import { exchangeDone, failExchange, refuseExchange } from "./finish.ts";
import { refuse } from "./local-response.ts";
import { beginPartial, feedPartial } from "./partial-head.ts";

/** Bytes behind the current request that are read ahead, so that a client's leaving is noticed while it waits. */
const aheadBytesMax = 65_536;

/** Reads a request head, or on with one, and starts the exchange when it is complete. */
export function readHead(client: ClientConnection, chunk: Uint8Array, from: number, end: number): void {
  const runtime = client.listener.runtime;
  const settings = client.listener.settings;
  const partial = client.partial;
  if (partial === null) {
    const head = runtime.requestParser;
    head.reset(settings.headLimits);
    const fed = head.feed(chunk, from, end);
    if (fed === Fed.Done) begin(client, head, chunk, from, end);
    else if (fed === Fed.Refused) refuse(client, head.refusal);
    else {
      client.partial = beginPartial(false, settings.headLimits, chunk, from, end);
      client.awaitRead(runtime.nowMs + settings.timeouts.headMs);
    }
    return;
  }
  const fed = feedPartial(partial, chunk, from, end);
  if (fed === Fed.More) return;
  client.partial = null;
  if (fed === Fed.Done) begin(client, partial.parser, partial.bytes, 0, partial.length);
  else refuse(client, partial.parser.refusal);
}

/** A complete and valid head: who answers it, and what is sent there. */
function begin(client: ClientConnection, head: HeadParser, bytes: Uint8Array, base: number, end: number): void {
  const listener = client.listener;
  const settings = listener.settings;
  const runtime = listener.runtime;
  const peer = client.peer ?? listener.peerOf(client.socket);
  if (peer === undefined) {
    runtime.counters[listener.base + ListenerSlot.clientGone]!++;
    client.close(false);
    return;
  }
  client.peer = peer;
  runtime.counters[listener.base + ListenerSlot.exchanges]!++;
  runtime.counters[listener.base + ListenerSlot.exchangesNow]!++;
  runtime.counters[listener.base + ListenerSlot.bytesIn]! += head.headBytes;
  client.awaitRead(never);
  const exchange = runtime.takeExchange();
  client.exchange = exchange;
  exchange.client = client;
  exchange.startedMs = runtime.nowMs;
  client.bodyBytes = 0;
  if (runtime.accessShare > 0 && random.fraction() < runtime.accessShare) beginLogging(exchange, head, bytes, base);
  takeFacts(exchange, head);
  const bodyFrom = base + head.headBytes;
  if (exchange.requestFraming === Framing.None) {
    exchange.isRequestDone = true;
    client.phase = Phase.Answer;
    if (bodyFrom < end) readAhead(client, bytes, bodyFrom, end);
  } else {
    beginBody(client, exchange, head);
    if (head.contentLength > settings.bodyBytesMax) {
      refuseExchange(exchange, Refusal.BodyTooLarge);
      return;
    }
  }
  const route = settings.router.route(head, bytes, base);
  const pool = settings.pools[route];
  if (pool === undefined) {
    failExchange(exchange, Failure.NoRoute);
    return;
  }
  exchange.pool = pool;
  pool.budget.count(runtime.nowMs);
  if (pool.timeouts.totalMs > 0) exchange.totalDueMs = runtime.nowMs + pool.timeouts.totalMs;
  exchange.balanceKey = pool.keyOf(head, bytes, base, client.peer);
  const endpoint = pool.pick(exchange.balanceKey);
  if (endpoint === undefined) {
    failExchange(exchange, Failure.NoEndpoint);
    return;
  }
  exchange.endpoint = endpoint;
  // Where it may have to wait, nobody knows yet which endpoint it will go to.
  exchange.isCounting =
    exchange.requestFraming === Framing.Chunked && (pool.queue === null ? endpoint.speaks10 : pool.speaks10);

  writeHead(exchange, head, bytes, base);
  if (exchange.requestFraming === Framing.None) {
    enter(exchange);
    return;
  }
  if (exchange.requestFraming === Framing.Chunked) exchange.requestChunks(settings.headLimits);
  if (bodyFrom < end) readBody(exchange, bytes, bodyFrom, end);
  // The rest of the body follows the head as it comes; a body that must be counted first starts the attempt at its end.
  if (client.exchange !== exchange || exchange.connection !== null || exchange.queue !== null) return;
  if (!exchange.isCounting && exchange.attempts === 0) enter(exchange);
}

/** What later phases want to know of the head, which is gone by then. */
function takeFacts(exchange: Exchange, head: HeadParser): void {
  exchange.method = head.method;
  exchange.isIdempotent = isIdempotent(head.method);
  exchange.isConditionalWrite = head.isConditional && (head.method === Method.Put || head.method === Method.Delete);
  exchange.clientMinor = head.minor;
  exchange.expectsContinue = head.expectsContinue;
  exchange.keepsClient = isPersistent(head);
  exchange.requestFraming = requestFraming(head);
}

/** What an exchange that is logged must remember; all others keep no text at all. */
function beginLogging(exchange: Exchange, head: HeadParser, bytes: Uint8Array, base: number): void {
  exchange.loggedFromMs = clock.monotonicMs();
  exchange.loggedRequest = latin1Text(bytes, base + head.methodStart, base + head.targetEnd);
}

/** The head as the endpoint gets it, at the beginning of `exchange.out`. */
function writeHead(exchange: Exchange, head: HeadParser, bytes: Uint8Array, base: number): void {
  const { settings, runtime } = exchange.client!.listener;
  const peer = exchange.client!.peer!;
  const pool = exchange.pool!;
  const room = head.headBytes * 2 + requestGrowthMax;
  exchange.out = runtime.takeBuffer(
    exchange.requestFraming === Framing.Length ? room + Math.min(head.contentLength, pool.retry.bodyBytes) : room,
  );
  const writing = runtime.writing;
  writing.rules = settings.rules;
  writing.forwarded = peer.forwarded;
  writing.isTrusted = peer.isTrusted;
  writing.asksClose = !pool.reuse;
  writing.isOpenEnded = exchange.isCounting;
  runtime.ids.draw();
  exchange.asksUpgrade = head.saysUpgrade && asksUpgrade(head, bytes, base, runtime.scratch);
  exchange.headLength = writeRequestHead(head, bytes, base, exchange.out, 0, writing);
  exchange.outLength = exchange.headLength;
  exchange.canReplay = true;
}

function beginBody(client: ClientConnection, exchange: Exchange, head: HeadParser): void {
  const runtime = client.listener.runtime;
  client.phase = Phase.Body;
  client.bodyStartMs = runtime.nowMs;
  client.bodyBytes = 0;
  client.pausedMs = 0;
  exchange.requestRemaining = head.contentLength;
  client.awaitRead(runtime.nowMs + client.listener.settings.timeouts.bodyMs);
}

/** Passes on what came of the request body in `bytes[from, end)`; what lies behind the body is read ahead. */
export function readBody(exchange: Exchange, bytes: Uint8Array, from: number, end: number): void {
  const client = exchange.client!;
  client.bodyBytes += end - from;
  if (exchange.requestFraming === Framing.Length) {
    const to = Math.min(end, from + exchange.requestRemaining);
    exchange.requestRemaining -= to - from;
    exchange.isRequestDone = exchange.requestRemaining === 0;
    if (exchange.isRequestDone) bodyComplete(exchange, bytes, to, end);
    forward(exchange, bytes, from, to);
  } else {
    const decoder = exchange.requestDecoder!;
    const decoded = decoder.feed(bytes, from, end);
    if (decoded === Decoded.Refused) {
      refuseExchange(exchange, decoder.refusal);
      return;
    }
    if (decoder.dataBytes > client.listener.settings.bodyBytesMax) {
      refuseExchange(exchange, Refusal.BodyTooLarge);
      return;
    }
    exchange.isRequestDone = decoded === Decoded.Done;
    if (exchange.isRequestDone) bodyComplete(exchange, bytes, decoder.readEnd, end);
    forward(exchange, bytes, from, decoder.writeEnd);
    if (client.exchange === exchange && decoder.tail !== undefined && !exchange.isCounting) {
      const tail = decoder.tail;
      decoder.tail = undefined;
      forward(exchange, tail, 0, tail.length);
    }
  }
  if (client.exchange !== exchange) return;
  if (!exchange.isRequestDone) {
    judgeRate(exchange, client);
    return;
  }
  if (exchange.isCounting) sendCounted(exchange);
  else if (exchange.isResponseDone) exchangeDone(exchange);
}

/** The last byte of the body is here: nothing more is awaited from the client, what follows belongs to its next request. */
function bodyComplete(exchange: Exchange, bytes: Uint8Array, bodyEnd: number, end: number): void {
  const client = exchange.client!;
  client.phase = Phase.Answer;
  client.awaitRead(never);
  if (bodyEnd < end) readAhead(client, bytes, bodyEnd, end);
}

/** Slow bodies hold connections and endpoints; streams that only pause for our own back-pressure are not slow. */
function judgeRate(exchange: Exchange, client: ClientConnection): void {
  if (client.isPaused) return;
  const { bodyMs, minRate } = client.listener.settings.timeouts;
  const nowMs = client.listener.runtime.nowMs;
  if (bodyMs === 0) return;
  client.awaitRead(nowMs + bodyMs);
  const elapsedMs = nowMs - client.bodyStartMs - client.pausedMs;
  if (elapsedMs > bodyMs && client.bodyBytes * 1000 < minRate * elapsedMs) failExchange(exchange, Failure.BodyTooSlow);
}

/** Bytes of the request body, as the endpoint gets them. */
function forward(exchange: Exchange, bytes: Uint8Array, from: number, to: number): void {
  if (exchange.isResponseDone && exchange.connection === null) return;
  if (from === to) {
    if (exchange.isRequestDone && exchange.isSending) exchange.armResponse();
    return;
  }
  const client = exchange.client!;
  const keptMax = exchange.pool!.retry.bodyBytes;
  client.listener.runtime.counters[client.listener.base + ListenerSlot.bytesIn]! += to - from;
  if (!exchange.isSending) {
    exchange.append(bytes, from, to);
    const isTooLong = exchange.outLength - exchange.headLength > keptMax;
    if (isTooLong && exchange.isCounting) refuseExchange(exchange, Refusal.LengthRequired);
    else if (isTooLong) client.pause();
    return;
  }
  if (exchange.canReplay) {
    if (exchange.outLength - exchange.headLength + (to - from) <= keptMax) exchange.append(bytes, from, to);
    else exchange.canReplay = false;
  }
  const connection = exchange.connection!;
  exchange.runtime.counters[connection.endpoint.base + EndpointSlot.bytesOut]! += to - from;
  const taken = send(connection, bytes, from, to, true);
  if (taken === broken) {
    if (exchange.isResponseDone) detach(exchange);
    else failAttempt(exchange, Failure.ResetBeforeResponse);
    return;
  }
  if (taken > 0) exchange.tookBytes();
  if (connection.backlog !== null) client.pause();
  else if (exchange.isRequestDone) exchange.armResponse();
}

/** The whole body is here: its length ends the head, and the attempt can start. */
function sendCounted(exchange: Exchange): void {
  const body = exchange.out.slice(exchange.headLength, exchange.outLength);
  const head = exchange.out.slice(0, exchange.headLength);
  const out = new Uint8Array(exchange.outLength + 64);
  out.set(head);
  const headLength = writeContentLength(out, head.length, body.length);
  out.set(body, headLength);
  exchange.out = out;
  exchange.headLength = headLength;
  exchange.outLength = headLength + body.length;
  exchange.isCounting = false;
  enter(exchange);
}

/** Keeps bytes that belong to the client's next request; past a bound the client is not read any more. */
export function readAhead(client: ClientConnection, bytes: Uint8Array, from: number, end: number): void {
  const ahead = client.ahead;
  if (ahead === null) client.ahead = bytes.slice(from, end);
  else {
    const joined = new Uint8Array(ahead.length + end - from);
    joined.set(ahead);
    joined.set(bytes.subarray(from, end), ahead.length);
    client.ahead = joined;
  }
  if (client.ahead!.length >= aheadBytesMax) client.pause();
}

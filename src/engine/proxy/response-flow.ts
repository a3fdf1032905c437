import { Decoded } from "../../core/http1/chunked.ts";
import { chunkOverheadMax, lastChunk, writeChunkSize } from "../../core/http1/chunk-writer.ts";
import { Framing, isPersistent, responseFraming } from "../../core/http1/framing.ts";
import { Fed, type HeadParser } from "../../core/http1/head-parser.ts";
import { Persistence, Reframe, writeResponseHead } from "../../core/http1/response-writer.ts";
import { copyBytes } from "../../lib/bytes.ts";
import { never } from "../../lib/timer-wheel.ts";
import { Failure } from "../../model/failure.ts";
import { EndpointSlot, ListenerSlot } from "../../observe/counters.ts";
import { broken, send } from "../net/sender.ts";
import type { EndpointConnection } from "../upstream/endpoint-connection.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import { detach, failAttempt, timeAnswer, wouldRetryStatus } from "./attempt.ts";
import type { Exchange } from "./exchange.ts";
import { abortByClient, completeResponse, failExchange } from "./finish.ts";
import { beginPartial, feedPartial } from "./partial-head.ts";
import { responseHeadLimits } from "./runtime.ts";
import { beginTunnel } from "./tunnel.ts";

/** Interim answers of one exchange; past it the endpoint floods. */
const informationalMax = 32;

/** Reads a response head, or on with one: interim answers first, then the final one with what came of its body. */
export function readResponseHead(exchange: Exchange, connection: EndpointConnection, chunk: Uint8Array): void {
  let bytes = chunk;
  let base = 0;
  let end = chunk.length;
  while (exchange.connection === connection) {
    let head = exchange.runtime.responseParser;
    let fed: Fed;
    const partial = connection.partial;
    if (partial === null) {
      head.reset(responseHeadLimits);
      fed = head.feed(bytes, base, end);
      if (fed === Fed.More) connection.partial = beginPartial(true, responseHeadLimits, bytes, base, end);
    } else {
      fed = feedPartial(partial, bytes, base, end);
      head = partial.parser;
      bytes = partial.bytes;
      base = 0;
      end = partial.length;
    }
    if (fed === Fed.More) return;
    connection.partial = null;
    if (fed === Fed.Refused) {
      failAttempt(exchange, Failure.BadResponse);
      return;
    }
    const after = base + head.headBytes;
    if (head.status >= 200) {
      answer(exchange, connection, head, bytes, base, end);
      return;
    }
    if (head.status === 101) {
      if (exchange.asksUpgrade && exchange.isRequestDone) beginTunnel(exchange, connection, head, bytes, base, end);
      else failAttempt(exchange, Failure.BadResponse);
      return;
    }
    if (!inform(exchange, head, bytes, base) || after === end) return;
    base = after;
  }
}

/** Passes an interim answer on (RFC 9110 §15.2); a 1.0 client would take it for the final one. */
function inform(exchange: Exchange, head: HeadParser, bytes: Uint8Array, base: number): boolean {
  if (++exchange.informational > informationalMax) {
    failAttempt(exchange, Failure.BadResponse);
    return false;
  }
  exchange.runtime.counters[exchange.client!.listener.base + ListenerSlot.status1xx]!++;
  if (exchange.clientMinor === 0) return true;
  exchange.hasInformed = true;
  const scratch = exchange.runtime.scratch;
  const length = writeResponseHead(head, bytes, base, scratch, 0, Reframe.Keep, Persistence.Silent);
  return toClient(exchange, scratch, 0, length, false);
}

/** The final answer's head, and what came of the body with it in `bytes[base, end)`. */
function answer(
  exchange: Exchange,
  connection: EndpointConnection,
  head: HeadParser,
  bytes: Uint8Array,
  base: number,
  end: number,
): void {
  const status = head.status;
  const endpoint = connection.endpoint;
  const runtime = exchange.runtime;
  judgeEndpoint(exchange, endpoint, status);
  if (exchange.pool!.retriesStatus[status] === 1 && wouldRetryStatus(exchange, status)) {
    failAttempt(exchange, Failure.StatusListed, status);
    return;
  }
  countStatus(exchange, exchange.client!.listener.base + ListenerSlot.status2xx, status);
  if (exchange.pool!.wantsLatency) timeAnswer(exchange, endpoint);
  endpoint.speaks10 = head.minor === 0;
  connection.keepAliveMs = head.keepAliveSeconds < 0 ? -1 : head.keepAliveSeconds * 1000;
  exchange.status = status;
  exchange.hasAnswered = true;
  exchange.attemptDueMs = never;
  exchange.endpointPersists = isPersistent(head);
  const framing = responseFraming(head, exchange.method);
  exchange.responseFraming = framing;
  exchange.reframe = reframeFor(framing, exchange.clientMinor);
  exchange.keepsClient =
    exchange.keepsClient && exchange.canReadOut && !runtime.isDraining && exchange.reframe !== Reframe.ToClose;
  const persistence = !exchange.keepsClient
    ? Persistence.Close
    : exchange.clientMinor === 0
      ? Persistence.KeepAlive
      : Persistence.Silent;
  const headLength = writeResponseHead(head, bytes, base, runtime.scratch, 0, exchange.reframe, persistence);
  const from = base + head.headBytes;

  if (framing === Framing.UntilClose) {
    exchange.endpointPersists = false;
    exchange.awaitBody();
    if (toClient(exchange, runtime.scratch, 0, headLength, false) && from < end)
      passUntilClose(exchange, bytes, from, end);
    return;
  }
  let bodyEnd = from;
  let isDone = framing === Framing.None;
  let readEnd = from;
  if (framing === Framing.Length) {
    exchange.responseRemaining = head.contentLength - Math.min(head.contentLength, end - from);
    readEnd = bodyEnd = from + (head.contentLength - exchange.responseRemaining);
    isDone = exchange.responseRemaining === 0;
  } else if (framing === Framing.Chunked) {
    const decoder = exchange.responseChunks(exchange.reframe === Reframe.Keep, responseHeadLimits);
    const decoded = decoder.feed(bytes, from, end);
    if (decoded === Decoded.Refused) {
      exchange.hasAnswered = false;
      failAttempt(exchange, Failure.BadResponse);
      return;
    }
    bodyEnd = decoder.writeEnd;
    readEnd = decoder.readEnd;
    isDone = decoded === Decoded.Done;
  }
  // Bytes behind the response belong to nobody; they must never be taken for the next one.
  if (isDone && readEnd < end) exchange.endpointPersists = false;
  if (isDone) exchange.responseDueMs = never;
  else exchange.awaitBody();
  if (!headAndBody(exchange, headLength, head.headBytes, bytes, from, bodyEnd)) return;
  if (isDone) finishBody(exchange);
}

function reframeFor(framing: Framing, clientMinor: number): Reframe {
  if (framing === Framing.UntilClose) return clientMinor === 0 ? Reframe.ToClose : Reframe.ToChunked;
  return framing === Framing.Chunked && clientMinor === 0 ? Reframe.ToClose : Reframe.Keep;
}

/** What a final response head says about the endpoint, whether it is passed on or not. */
function judgeEndpoint(exchange: Exchange, endpoint: Endpoint, status: number): void {
  countStatus(exchange, endpoint.base + EndpointSlot.status2xx, status);
  endpoint.answered(exchange.awaitsSinceMs, status);
}

function countStatus(exchange: Exchange, firstSlot: number, status: number): void {
  const kind = status < 300 ? 0 : status < 400 ? 1 : status < 500 ? 2 : 3;
  exchange.runtime.counters[firstSlot + kind]!++;
}

/**
 * Writes the new head and the body bytes behind the old one with one call. The head is in `scratch`. Responses mostly lose
 * lines and seldom gain any, so the new head usually fits into the place of the old one, right before the body:
 *
 *   bytes:   | old head ………………………… | body … |
 *            |       | new head ……… | body … |     nothing of the body is copied
 */
function headAndBody(
  exchange: Exchange,
  headLength: number,
  oldHeadLength: number,
  bytes: Uint8Array,
  from: number,
  bodyEnd: number,
): boolean {
  const scratch = exchange.runtime.scratch;
  if (headLength <= oldHeadLength) {
    const start = from - headLength;
    copyBytes(bytes, start, scratch, 0, headLength);
    return toClient(exchange, bytes, start, bodyEnd, true);
  }
  if (headLength + bodyEnd - from <= scratch.length) {
    copyBytes(scratch, headLength, bytes, from, bodyEnd);
    return toClient(exchange, scratch, 0, headLength + bodyEnd - from, false);
  }
  return toClient(exchange, scratch, 0, headLength, false) && toClient(exchange, bytes, from, bodyEnd, true);
}

/** Passes on what came of a response body. */
export function readResponseBody(exchange: Exchange, chunk: Uint8Array): void {
  const end = chunk.length;
  if (exchange.isResponseDone) {
    // Unasked bytes while the client still takes the end of the response.
    exchange.endpointPersists = false;
    return;
  }
  switch (exchange.responseFraming) {
    case Framing.Length: {
      const to = Math.min(end, exchange.responseRemaining);
      exchange.responseRemaining -= to;
      if (to < end) exchange.endpointPersists = false;
      if (exchange.responseRemaining > 0) exchange.awaitBody();
      else exchange.responseDueMs = never;
      if (toClient(exchange, chunk, 0, to, true) && exchange.responseRemaining === 0) finishBody(exchange);
      return;
    }
    case Framing.Chunked: {
      const decoder = exchange.responseDecoder!;
      const decoded = decoder.feed(chunk, 0, end);
      if (decoded === Decoded.Refused) {
        failExchange(exchange, Failure.BadResponseBody);
        return;
      }
      if (decoded === Decoded.Done) {
        if (decoder.readEnd < end) exchange.endpointPersists = false;
        exchange.responseDueMs = never;
      } else exchange.awaitBody();
      if (toClient(exchange, chunk, 0, decoder.writeEnd, true) && decoded === Decoded.Done) finishBody(exchange);
      return;
    }
    default:
      exchange.awaitBody();
      passUntilClose(exchange, chunk, 0, end);
  }
}

/** The body is complete: trailers that were kept follow it. */
function finishBody(exchange: Exchange): void {
  const tail = exchange.responseFraming === Framing.Chunked ? exchange.responseDecoder!.tail : undefined;
  if (tail !== undefined && !toClient(exchange, tail, 0, tail.length, true)) return;
  completeResponse(exchange);
}

/** A body that ends with its connection: a chunk for each piece, or as it is for a 1.0 client. */
function passUntilClose(exchange: Exchange, bytes: Uint8Array, from: number, end: number): void {
  if (exchange.reframe === Reframe.ToClose) {
    toClient(exchange, bytes, from, end, true);
    return;
  }
  const scratch = exchange.runtime.scratch;
  let at = writeChunkSize(scratch, 0, end - from);
  if (at + end - from + chunkOverheadMax <= scratch.length) {
    at = copyBytes(scratch, at, bytes, from, end);
    scratch[at++] = 0x0d;
    scratch[at++] = 0x0a;
    toClient(exchange, scratch, 0, at, false);
    return;
  }
  if (toClient(exchange, scratch, 0, at, false) && toClient(exchange, bytes, from, end, true))
    toClient(exchange, lastChunk, 1, 3, true);
}

/** The endpoint has ended its side: the end of a body that close delimits, an end too early for any other. */
export function responseEnded(exchange: Exchange): void {
  if (exchange.isResponseDone) {
    detach(exchange);
    return;
  }
  if (!exchange.hasAnswered) {
    failAttempt(exchange, Failure.EndBeforeResponse);
    return;
  }
  if (exchange.responseFraming !== Framing.UntilClose) {
    failExchange(exchange, Failure.ResponseCut);
    return;
  }
  if (exchange.reframe === Reframe.ToChunked && !toClient(exchange, lastChunk, 0, lastChunk.length, true)) return;
  completeResponse(exchange);
}

/** Writes to the client; while it takes no more, the endpoint is not read. False when the client is gone. */
export function toClient(exchange: Exchange, bytes: Uint8Array, from: number, to: number, isOwned: boolean): boolean {
  const client = exchange.client!;
  const runtime = exchange.runtime;
  runtime.counters[client.listener.base + ListenerSlot.bytesOut]! += to - from;
  exchange.bytesOut += to - from;
  const taken = send(client, bytes, from, to, isOwned);
  if (taken === broken) {
    abortByClient(client, Failure.ClientReset);
    client.close(false);
    return false;
  }
  if (client.backlog !== null) {
    exchange.connection?.pause();
    if (client.writeDueMs === never) client.awaitWrite(runtime.nowMs + client.listener.settings.timeouts.writeMs);
  }
  return true;
}

import { noKey } from "../../core/balance/balancer.ts";
import { ChunkedDecoder } from "../../core/http1/chunked.ts";
import { Framing } from "../../core/http1/framing.ts";
import type { HeadLimits } from "../../core/http1/head-parser.ts";
import { Method } from "../../core/http1/method.ts";
import { Reframe } from "../../core/http1/response-writer.ts";
import { copyBytes } from "../../lib/bytes.ts";
import { type Deadline, never } from "../../lib/timer-wheel.ts";
import { Failure } from "../../model/failure.ts";
import { clock } from "../../platform/clock.ts";
import type { ClientConnection } from "../listener/client-connection.ts";
import type { EndpointConnection } from "../upstream/endpoint-connection.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { Pool } from "../upstream/pool.ts";
import { exchangeDeadline } from "./attempt.ts";
import type { Runtime } from "./runtime.ts";

const noBytes = new Uint8Array(0);
const readOutBytesMax = 65_536;

/**
 * One request and its response. It keeps the pool (and with it the snapshot) it started with, lives as long as either
 * side has something to do with it, and is used again for a later exchange.
 */
export class Exchange implements Deadline {
  readonly runtime: Runtime;
  client: ClientConnection | null = null;
  pool: Pool | null = null;
  /** Where the current attempt goes. */
  endpoint: Endpoint | null = null;
  /** Absent between attempts. */
  connection: EndpointConnection | null = null;

  // What was asked.
  method: Method = Method.Other;
  isIdempotent = false;
  isConditionalWrite = false;
  clientMinor = 1;
  /** The client's connection may carry another request after this one. */
  keepsClient = false;
  asksUpgrade = false;
  /** What the pool balances by, as a number; set when the pool is known. */
  balanceKey = noKey;

  // The request on its way.
  /** Head, and what came of the body so far, as the endpoint gets them: `out[0, outLength)`. */
  out: Uint8Array = noBytes;
  outLength = 0;
  headLength = 0;
  /** `out` holds everything that was sent, so that another attempt can send it again. */
  canReplay = false;
  requestFraming: Framing = Framing.None;
  requestRemaining = 0;
  requestDecoder: ChunkedDecoder | null = null;
  isRequestDone = false;
  /** The client may wait for a 100 before it sends the body, so nobody knows whether the body will come. */
  expectsContinue = false;
  bodyBytesMax = Infinity;
  /** The body is collected to be sent with Content-Length. */
  isCounting = false;

  // The attempt.
  /** Attempts that took bytes; free ones do not count. */
  attempts = 0;
  hasSentBytes = false;
  /** `out` has been written; what follows of the body goes straight to the connection. */
  isSending = false;
  wasReused = false;
  tried: Endpoint[] | null = null;
  /** Precise time at which the endpoint had all it was to answer; kept only where the pool balances by latency. */
  askedMs = 0;

  // The response.
  hasAnswered = false;
  status = 0;
  informational = 0;
  /** A 1xx has gone to the client. */
  hasInformed = false;
  responseFraming: Framing = Framing.None;
  responseRemaining = 0;
  responseDecoder: ChunkedDecoder | null = null;
  reframe: Reframe = Reframe.Keep;
  endpointPersists = false;
  isResponseDone = false;

  startedMs = 0;
  /** Precise start of an exchange that gets a line in the access log; 0 = it gets none. */
  loggedFromMs = 0;
  /** Method and target of such an exchange. */
  loggedRequest = "";
  bytesOut = 0;
  failure: Failure = Failure.None;

  /** When the whole request was with the endpoint; `never` until then, and between attempts. */
  awaitsSinceMs = never;
  // Deadlines; `deadlineMs` is the earliest.
  connectDueMs = never;
  attemptDueMs = never;
  responseDueMs = never;
  totalDueMs = never;
  deadlineMs = never;
  wheelSlot = -1;
  wheelMeetsMs = 0;
  wheelPrevious: Deadline | null = null;
  wheelNext: Deadline | null = null;

  constructor(runtime: Runtime) {
    this.runtime = runtime;
  }

  onDeadline(nowMs: number): void {
    exchangeDeadline(this, nowMs);
  }

  /** Asks the wheel for the earliest of the deadlines. */
  schedule(): void {
    const due = Math.min(this.connectDueMs, this.attemptDueMs, this.responseDueMs, this.totalDueMs);
    this.runtime.wheel.schedule(this, due);
  }

  /**
   * An answer that comes before the end of a short body need not cost the connection: the rest of the body is read to its
   * end, and then the next request can begin.
   */
  get canReadOut(): boolean {
    const isShort = this.requestFraming === Framing.Length && this.requestRemaining <= readOutBytesMax;
    return this.isRequestDone || (isShort && !this.expectsContinue);
  }

  /** Adds `bytes[from, to)` to what the endpoint gets, in a larger buffer where needed. */
  append(bytes: Uint8Array, from: number, to: number): void {
    const length = this.outLength + to - from;
    if (length > this.out.length) {
      const larger = this.runtime.takeBuffer(length);
      larger.set(this.out.subarray(0, this.outLength));
      this.runtime.giveBackBuffer(this.out);
      this.out = larger;
    }
    copyBytes(this.out, this.outLength, bytes, from, to);
    this.outLength = length;
  }

  /** The endpoint's kernel side has taken bytes: from here on the request may have been acted on. */
  tookBytes(): void {
    this.hasSentBytes = true;
    // What came before the connection stood may be more than is kept for another attempt.
    if (!this.isIdempotent || this.outLength - this.headLength > this.pool!.retry.bodyBytes) this.canReplay = false;
  }

  /** The whole request is written: the time for the answer begins. */
  armResponse(): void {
    this.awaitsSinceMs = this.runtime.nowMs;
    // A body may take the client its time, which is not the endpoint's.
    if (this.pool!.wantsLatency && this.requestFraming !== Framing.None && !this.hasAnswered)
      this.askedMs = clock.monotonicMs();
    const responseMs = this.pool!.timeouts.responseMs;
    if (responseMs === 0 || this.isResponseDone) return;
    this.responseDueMs = this.runtime.nowMs + responseMs;
    this.schedule();
  }

  /** More of the response body is awaited: the longest silence begins anew. */
  awaitBody(): void {
    this.armResponse();
  }

  /** Forgets everything, as after construction; the decoders are kept for later. */
  clear(): void {
    this.client = null;
    this.pool = null;
    this.endpoint = null;
    this.connection = null;
    this.out = noBytes;
    this.outLength = 0;
    this.headLength = 0;
    this.canReplay = false;
    this.isCounting = false;
    this.isRequestDone = false;
    this.expectsContinue = false;
    this.requestRemaining = 0;
    this.attempts = 0;
    this.hasSentBytes = false;
    this.isSending = false;
    this.wasReused = false;
    this.tried = null;
    this.hasAnswered = false;
    this.status = 0;
    this.informational = 0;
    this.hasInformed = false;
    this.responseRemaining = 0;
    this.reframe = Reframe.Keep;
    this.endpointPersists = false;
    this.isResponseDone = false;
    this.failure = Failure.None;
    this.loggedFromMs = 0;
    this.awaitsSinceMs = never;
    this.loggedRequest = "";
    this.bytesOut = 0;
    this.connectDueMs = never;
    this.attemptDueMs = never;
    this.responseDueMs = never;
    this.totalDueMs = never;
    // The wheel meets it once more and lets it go.
    this.deadlineMs = never;
  }

  requestChunks(limits: HeadLimits): ChunkedDecoder {
    const decoder = (this.requestDecoder ??= new ChunkedDecoder());
    decoder.reset({
      keepsFraming: !this.isCounting,
      trailerBytesMax: limits.headBytesMax,
      trailersMax: limits.fieldsMax,
    });
    return decoder;
  }

  responseChunks(keepsFraming: boolean, limits: HeadLimits): ChunkedDecoder {
    const decoder = (this.responseDecoder ??= new ChunkedDecoder());
    decoder.reset({ keepsFraming, trailerBytesMax: limits.headBytesMax, trailersMax: limits.fieldsMax });
    return decoder;
  }
}

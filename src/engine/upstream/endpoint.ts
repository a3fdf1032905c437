import { overdueAfterMs, usualAfter, usualMsAtFirst } from "../../core/health/overdue.ts";
import { never } from "../../lib/timer-wheel.ts";
import { TroubleSign } from "../../model/link.ts";
import type { PeakLatency } from "../../core/balance/peak-latency.ts";
import type { EndpointSnapshot } from "../../model/snapshot.ts";
import type { Exchange } from "../proxy/exchange.ts";
import { endpointBase, EndpointSlot, WorkerSlot } from "../../observe/counters.ts";
import type { Runtime } from "../proxy/runtime.ts";
import { ConnectionState, EndpointConnection } from "./endpoint-connection.ts";

/** A request that must not go out twice takes only a connection that was used this recently (DESIGN: retries). */
const freshMs = 1000;
/** Unused connections that a worker keeps, over all endpoints. */
const idleMaxPerWorker = 4096;
/** A connection that the endpoint closes so soon after its answer was never meant to be kept, whatever the answer said. */
const quickCloseMs = 100;
/** After that many in a row connections are not kept for `distrustMs`. */
const quickClosesMax = 3;
const distrustMs = 10_000;
/** So long after such a close a request that must not go out twice takes no kept connection. */
const cautionMs = 60_000;
/** Connects that nobody waits for any more and that cannot be called off; past it the endpoint counts as unreachable. */
const abandonedMax = 64;

/**
 * An address that requests are sent to, and this worker's connections to it. What makes connections different is all in
 * here, so any of them serves any exchange with the endpoint. Survives reloads, as long as row and address stay.
 */
export class Endpoint {
  readonly runtime: Runtime;
  readonly row: number;
  readonly name: string;
  readonly ip: string;
  readonly port: number;
  /** First of its slots in the counters. */
  readonly base: number;
  /** How long a connection that came too late for its exchange waits for another one. */
  readonly lateIdleMs = 10_000;
  /** Its last answer was HTTP/1.0: chunked requests must be counted first. */
  speaks10 = false;
  /** Unused connections are kept: someone will use them. False for DRAIN and MAINT. */
  keepsIdle = true;
  /** When an exchange last got its response head here. */
  #answeredMs = 0;
  #usualMs = usualMsAtFirst;
  /** Exchanges that waited before this are known to be overdue. */
  #overdueKnownMs = 0;
  /** First of all its connections, those that are being made included. */
  #open: EndpointConnection | null = null;
  /** Its weight grows from this moment on (monotonic clock); -Infinity = it has all of it. */
  rampFromMs = -Infinity;
  /** Kept by pools that balance by it. */
  latency: PeakLatency | null = null;
  /** Unused connections, the most recently used last. */
  readonly #idle: EndpointConnection[] = [];
  #abandoned = 0;
  /** Those of the abandoned connects that were forgiven because the endpoint came back. */
  #forgiven = 0;
  /** Connections in a row that the endpoint closed right after its answer, and when it did so last. */
  #quickCloses = 0;
  #quickClosedMs = -Infinity;

  constructor(runtime: Runtime, snapshot: EndpointSnapshot & { readonly ip: string }) {
    this.runtime = runtime;
    this.row = snapshot.row;
    this.name = snapshot.name;
    this.ip = snapshot.ip;
    this.port = snapshot.port;
    this.base = endpointBase(snapshot.row);
  }

  count(slot: number): void {
    this.runtime.counters[this.base + slot]!++;
  }

  /** Whether a further exchange fits in. There is no limit of an endpoint in this version. */
  hasRoom(): boolean {
    return true;
  }

  get canConnect(): boolean {
    return this.#abandoned - this.#forgiven < abandonedMax;
  }

  /**
   * An unused connection, the one used last. For a request that is not idempotent only a fresh one: the older it is, the
   * likelier the endpoint closes it in the moment in which the request is sent.
   */
  takeIdle(isIdempotent: boolean): EndpointConnection | undefined {
    const connection = this.#idle.at(-1);
    if (connection === undefined) return undefined;
    if (!isIdempotent) {
      const idleMs = this.runtime.nowMs - connection.idleSinceMs;
      const boundMs = connection.keepAliveMs < 0 ? freshMs : Math.min(freshMs, connection.keepAliveMs / 2);
      if (idleMs >= boundMs || this.runtime.nowMs - this.#quickClosedMs < cautionMs) {
        // A new connection takes the place of the one that has waited longest: else each such request would leave one more.
        this.#idle[0]!.close();
        return undefined;
      }
    }
    this.#idle.pop();
    this.runtime.counters[WorkerSlot.upstreamIdleNow]!--;
    connection.state = ConnectionState.Busy;
    return connection;
  }

  connect(): EndpointConnection {
    const connection = new EndpointConnection(this);
    this.count(EndpointSlot.connects);
    connection.nextOpen = this.#open;
    if (this.#open !== null) this.#open.previousOpen = connection;
    this.#open = connection;
    this.runtime.connect(this, connection);
    return connection;
  }

  /** It is UP again, so connects that still hang from the time before say nothing about it. */
  cameUp(): void {
    this.#forgiven = this.#abandoned;
  }

  /** A final response head has come; its exchange had waited since then, or not yet (`never`) where the answer was early. */
  answered(sinceMs: number, status: number): void {
    const nowMs = this.runtime.nowMs;
    this.#answeredMs = nowMs;
    if (sinceMs !== never) this.#usualMs = usualAfter(this.#usualMs, nowMs - sinceMs);
    if (status >= 500) this.runtime.report(this.row, TroubleSign.Status5xx);
  }

  /**
   * Whether an exchange waits here for longer than usual while nothing at all was answered; true once for each exchange.
   * Looked at a few times a second: a busy endpoint that answers costs two comparisons.
   */
  isOverdue(): boolean {
    if (this.runtime.counters[this.base + EndpointSlot.attemptsNow] === 0) return false;
    const overdueMs = this.runtime.nowMs - overdueAfterMs(this.#usualMs);
    if (this.#answeredMs > overdueMs) return false;
    for (let connection = this.#open; connection !== null; connection = connection.nextOpen) {
      const exchange = connection.exchange;
      if (exchange === null || exchange.hasAnswered) continue;
      if (exchange.awaitsSinceMs > overdueMs || exchange.awaitsSinceMs <= this.#overdueKnownMs) continue;
      this.#overdueKnownMs = overdueMs;
      return true;
    }
    return false;
  }

  /** Exchanges that no byte of a response has come for, as a list of its own: they may be moved while it is gone through. */
  waiting(): readonly Exchange[] {
    const waiting: Exchange[] = [];
    for (let connection = this.#open; connection !== null; connection = connection.nextOpen) {
      const { exchange, partial } = connection;
      if (exchange !== null && !exchange.hasAnswered && partial === null) waiting.push(exchange);
    }
    return waiting;
  }

  /** The exchange does not wait for this connect any more. */
  abandon(connection: EndpointConnection): void {
    connection.exchange = null;
    if (connection.state === ConnectionState.Connecting) this.#abandoned++;
  }

  /** The connect has ended, either way. `wasAbandoned`: nobody was waiting. */
  settled(wasAbandoned: boolean): void {
    if (!wasAbandoned) return;
    this.#abandoned--;
    this.#forgiven = Math.min(this.#forgiven, this.#abandoned);
  }

  opened(): void {
    this.count(EndpointSlot.connectionsNow);
    this.runtime.counters[WorkerSlot.upstreamOpenNow]!++;
  }

  /** Keeps a connection whose exchange is over for the next one, at most `idleMs`. */
  keep(connection: EndpointConnection, idleMs: number): void {
    const runtime = this.runtime;
    const isDistrusted = this.#quickCloses >= quickClosesMax && runtime.nowMs - this.#quickClosedMs < distrustMs;
    if (
      isDistrusted ||
      runtime.isDraining ||
      !this.keepsIdle ||
      runtime.counters[WorkerSlot.upstreamIdleNow]! >= idleMaxPerWorker ||
      idleMs <= 0
    ) {
      connection.close();
      return;
    }
    if (connection.uses > 1) this.#quickCloses = 0;
    connection.state = ConnectionState.Idle;
    connection.idleSinceMs = runtime.nowMs;
    this.#idle.push(connection);
    runtime.counters[WorkerSlot.upstreamIdleNow]!++;
    const boundMs = connection.keepAliveMs < 0 ? idleMs : Math.min(idleMs, connection.keepAliveMs);
    runtime.wheel.schedule(connection, runtime.nowMs + boundMs);
  }

  /**
   * The endpoint has ended a connection that waited, or one that had just been taken up again. Some servers (uWSGI's HTTP
   * socket among them) close after each answer without saying so: a request sent in that moment is lost, and a POST with it.
   */
  endedIdle(connection: EndpointConnection): void {
    if (this.runtime.nowMs - connection.idleSinceMs > quickCloseMs) {
      this.#quickCloses = 0;
      return;
    }
    this.#quickCloses++;
    this.#quickClosedMs = this.runtime.nowMs;
  }

  /** Called by the connection when it closes. */
  forget(connection: EndpointConnection, wasIdle: boolean): void {
    const runtime = this.runtime;
    runtime.wheel.remove(connection);
    this.#unlink(connection);
    if (connection.socket !== null) {
      runtime.counters[this.base + EndpointSlot.connectionsNow]!--;
      runtime.counters[WorkerSlot.upstreamOpenNow]!--;
    }
    if (!wasIdle) return;
    runtime.counters[WorkerSlot.upstreamIdleNow]!--;
    const at = this.#idle.lastIndexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  #unlink(connection: EndpointConnection): void {
    const { previousOpen, nextOpen } = connection;
    if (previousOpen !== null) previousOpen.nextOpen = nextOpen;
    else if (this.#open === connection) this.#open = nextOpen;
    if (nextOpen !== null) nextOpen.previousOpen = previousOpen;
    connection.previousOpen = null;
    connection.nextOpen = null;
  }

  closeIdle(): void {
    while (this.#idle.length > 0) this.#idle.at(-1)!.close();
  }
}

import { TimerWheel } from "../../lib/timer-wheel.ts";
import type { RequestWriting } from "../../core/http1/request-writer.ts";
import { type HeadLimits, HeadParser } from "../../core/http1/head-parser.ts";
import type { AccessLog } from "../../observe/access-log.ts";
import { WorkerSlot } from "../../observe/counters.ts";
import type { SharedLimits } from "../../observe/shared-limits.ts";
import { bootClockMs } from "../../platform/boot-clock.ts";
import { clock, timers } from "../../platform/clock.ts";
import type { Cancel } from "../../platform/ports.ts";
import type { Connector } from "../net/tcp.ts";
import { Queues } from "../upstream/admission.ts";
import type { EndpointConnection } from "../upstream/endpoint-connection.ts";
import type { DataPlanePorts } from "../worker/data-plane-port.ts";
import { Exchange } from "./exchange.ts";
import { ExchangeIds } from "./ids.ts";

const tickMs = 20;
/** 4 096 × 20 ms: deadlines up to 82 s ahead are met once. */
const wheelSlots = 4096;
const accessFlushMs = 100;
const exchangesKeptMax = 1024;
/** Sizes of pooled buffers and how many of each are kept: heads, heads with a small body, heads with the largest kept body. */
const bufferClasses = [
  { bytes: 4096, keptMax: 1024 },
  { bytes: 16_384, keptMax: 128 },
  { bytes: 81_920, keptMax: 32 },
] as const;

/** Heads of endpoints: generous, but bounded. */
export const responseHeadLimits: HeadLimits = {
  headBytesMax: 65_536,
  fieldsMax: 256,
  targetBytesMax: 0,
};

/**
 * What the connections of one worker share: clock, deadlines, buffers, parsers. One clock read per tick serves every
 * connection, so times here are up to `tickMs` old.
 */
export class Runtime {
  readonly counters: Float64Array;
  /** Every worker's counters, to read. */
  readonly columns: readonly Float64Array[];
  /** What is limited for the whole node, and who waits for it. */
  readonly limits: SharedLimits;
  readonly queues: Queues;
  /** What added to `nowMs` gives a time that means the same in every worker. */
  readonly bootOffsetMs: number;
  readonly report: DataPlanePorts["report"];
  readonly log: DataPlanePorts["log"];
  nowMs: number;
  readonly wheel: TimerWheel;
  readonly ids = new ExchangeIds();
  /** Heads on their way to a client are put together here; nothing in it outlives one event. */
  readonly scratch = new Uint8Array(262_144);
  /** For heads that come whole, which is nearly all of them. Unfinished ones keep a parser of their own. */
  readonly requestParser: HeadParser;
  readonly responseParser: HeadParser;
  /** Filled in for each request instead of made for each. */
  readonly writing: { -readonly [Key in keyof RequestWriting]: RequestWriting[Key] };
  connect: Connector<EndpointConnection>;
  isDraining = false;
  /** Lines of level debug are wanted. */
  logsDebug = false;
  accessLog: AccessLog | undefined;
  /** Share of the exchanges that get a line in it. */
  accessShare = 0;
  /** Exchanges that are running. */
  active = 0;
  readonly #exchanges: Exchange[] = [];
  readonly #buffers: readonly Uint8Array[][] = bufferClasses.map(() => []);
  #stopTicking: Cancel;
  #flushedMs = 0;

  constructor(ports: DataPlanePorts, connect: Connector<EndpointConnection>) {
    this.counters = ports.counters;
    this.columns = ports.columns;
    this.limits = ports.limits;
    this.queues = new Queues(this);
    this.report = ports.report;
    this.log = ports.log;
    this.connect = connect;
    this.nowMs = clock.monotonicMs();
    this.bootOffsetMs = bootClockMs() - this.nowMs;
    this.wheel = new TimerWheel({ nowMs: this.nowMs, tickMs, slots: wheelSlots });
    this.requestParser = new HeadParser(false, responseHeadLimits);
    this.responseParser = new HeadParser(true, responseHeadLimits);
    this.writing = {
      rules: {
        addsXForwarded: true,
        addsForwarded: false,
        addsRequestId: true,
        addsTraceContext: true,
        dropsUnderscores: true,
      },
      forwarded: undefined as unknown as RequestWriting["forwarded"],
      isTrusted: false,
      requestId: this.ids.requestId,
      traceparent: this.ids.traceparent,
      asksClose: false,
      isOpenEnded: false,
    };
    this.#stopTicking = timers.every(tickMs, () => this.#tick());
  }

  #tick(): void {
    const now = clock.monotonicMs();
    const lateMs = now - this.nowMs - tickMs;
    if (lateMs > this.counters[WorkerSlot.eventLoopLagMaxMs]!) this.counters[WorkerSlot.eventLoopLagMaxMs] = lateMs;
    this.nowMs = now;
    this.wheel.advance(now);
    this.queues.spareIdle();
    this.counters[WorkerSlot.deadlinesNow] = this.wheel.count;
    if (this.accessLog !== undefined && now - this.#flushedMs >= accessFlushMs) {
      this.#flushedMs = now;
      this.accessLog.flush();
    }
  }

  takeExchange(): Exchange {
    this.active++;
    return this.#exchanges.pop() ?? new Exchange(this);
  }

  giveBackExchange(exchange: Exchange): void {
    this.active--;
    this.giveBackBuffer(exchange.out);
    exchange.clear();
    if (this.#exchanges.length < exchangesKeptMax) this.#exchanges.push(exchange);
    else this.wheel.remove(exchange);
  }

  /** A buffer of at least `bytes`; the usual sizes come from a pool, and hold what their last user left. */
  takeBuffer(bytes: number): Uint8Array {
    for (let which = 0; which < bufferClasses.length; which++) {
      const size = bufferClasses[which]!.bytes;
      if (bytes <= size) return this.#buffers[which]!.pop() ?? new Uint8Array(size);
    }
    return new Uint8Array(bytes);
  }

  giveBackBuffer(buffer: Uint8Array): void {
    for (let which = 0; which < bufferClasses.length; which++) {
      const { bytes, keptMax } = bufferClasses[which]!;
      if (buffer.length !== bytes) continue;
      if (this.#buffers[which]!.length < keptMax) this.#buffers[which]!.push(buffer);
      return;
    }
  }

  stop(): void {
    this.#stopTicking();
    this.queues.stop();
  }
}

import { never } from "../../lib/timer-wheel.ts";
import { Failure } from "../../model/failure.ts";
import { poolBase, poolLimitBase, PoolLimit, PoolSlot } from "../../observe/counters.ts";
import { afterThisEvent, clock, timers } from "../../platform/clock.ts";
import type { Cancel } from "../../platform/ports.ts";
import { startAttempt } from "../proxy/attempt.ts";
import type { Exchange } from "../proxy/exchange.ts";
import { failExchange } from "../proxy/finish.ts";
import type { Runtime } from "../proxy/runtime.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Pool } from "./pool.ts";

/** How often a worker whose exchanges wait looks for places that other workers have freed (why a poll: docs/adr/0012). */
const pollMs = 1;
/** How much older a waiting exchange of another worker must be to go first; handing over costs up to `pollMs` of a place. */
const overtakeMs = 50;
/** A free place that was left to another worker's older exchange this long is taken: that worker may be frozen. */
const patienceMs = 5;

export const Admission = {
  /** `exchange.endpoint` has a place for it; the attempt must start at once. */
  Go: 0,
  /** It is in the queue, and its attempt starts when its turn has come. */
  Wait: 1,
  /** The queue is full. */
  Refuse: 2,
} as const;
export type Admission = (typeof Admission)[keyof typeof Admission];

/**
 * Whether an exchange of a pool with limits may start an attempt now: at `wanted`, whose turn it is, or at any other
 * endpoint that it has not tried and that has room. An exchange that waits already goes first.
 */
export function admit(exchange: Exchange, wanted: Endpoint): Admission {
  const queue = exchange.pool!.queue!;
  if (queue.lets(exchange)) {
    const endpoint = findPlace(exchange, wanted);
    if (endpoint !== undefined) {
      exchange.endpoint = endpoint;
      return Admission.Go;
    }
  }
  return queue.push(exchange) ? Admission.Wait : Admission.Refuse;
}

function findPlace(exchange: Exchange, wanted: Endpoint): Endpoint | undefined {
  return wanted.tryEnter(exchange) ? wanted : exchange.pool!.enterAny(exchange);
}

/**
 * The exchanges of one pool that wait in this worker, the oldest first; a retry keeps its age. The pool's bound is the
 * node's, so each worker tells how many wait there and since when.
 */
export class PoolQueue {
  readonly #runtime: Runtime;
  readonly #queues: Queues;
  readonly slot: number;
  readonly #limitBase: number;
  readonly #base: number;
  /** As the snapshot in use has it; those who wait go over to it. */
  pool: Pool;
  #first: Exchange | null = null;
  #last: Exchange | null = null;
  /** Waiting exchanges that some endpoints have failed already: they may leave a place to one behind them. */
  #retries = 0;
  #isPumping = false;
  #isPumpDue = false;
  #yieldingSinceMs = 0;
  /** For each worker: its oldest exchange, as told, when it did not take a place that was left to it. */
  readonly #ignored: Int32Array;

  constructor(queues: Queues, runtime: Runtime, slot: number, pool: Pool) {
    this.#queues = queues;
    this.#runtime = runtime;
    this.slot = slot;
    this.#limitBase = poolLimitBase(slot);
    this.#base = poolBase(slot);
    this.#ignored = new Int32Array(runtime.limits.workers);
    this.pool = pool;
  }

  get isEmpty(): boolean {
    return this.#first === null;
  }

  /** Whether exchanges wait in other workers only. */
  get isWantedElsewhere(): boolean {
    return this.#first === null && this.#runtime.limits.elsewhere(this.#limitBase + PoolLimit.waiting) > 0;
  }

  /** Whether nobody who waits goes before this exchange, which does not wait yet. */
  lets(exchange: Exchange): boolean {
    if (this.#first !== null && this.#first.startedMs <= exchange.startedMs) return false;
    return !this.#isOlderElsewhere(exchange, false);
  }

  /** Puts the exchange to its place by age; false: no room. */
  push(exchange: Exchange): boolean {
    const runtime = this.#runtime;
    // Told before it counts, so that nobody sees it with the age of an earlier one.
    if (this.#first === null) runtime.limits.tell(this.#limitBase + PoolLimit.oldestMs, this.#bootMs(exchange));
    if (!runtime.limits.tryEnter(this.#limitBase + PoolLimit.waiting, this.pool.queueMax)) {
      runtime.counters[this.#base + PoolSlot.queueFull]!++;
      return false;
    }
    runtime.counters[this.#base + PoolSlot.queued]!++;
    let before = this.#last;
    while (before !== null && before.startedMs > exchange.startedMs) before = before.queuePrevious;
    this.#link(exchange, before);
    exchange.queue = this;
    exchange.queuedFromMs = clock.monotonicMs();
    exchange.queueDueMs = runtime.nowMs + this.pool.queueTimeoutMs;
    exchange.schedule();
    if (exchange.tried !== null) this.#retries++;
    this.#queues.filled(this);
    // Those in front may only want other endpoints than this one.
    if (this.#retries > 0) this.pumpSoon();
    return true;
  }

  #link(exchange: Exchange, before: Exchange | null): void {
    const after = before === null ? this.#first : before.queueNext;
    exchange.queuePrevious = before;
    exchange.queueNext = after;
    if (after === null) this.#last = exchange;
    else after.queuePrevious = exchange;
    if (before === null) {
      this.#first = exchange;
      this.#runtime.limits.tell(this.#limitBase + PoolLimit.oldestMs, this.#bootMs(exchange));
    } else before.queueNext = exchange;
  }

  /** Takes the exchange out, whatever becomes of it. */
  remove(exchange: Exchange): void {
    const { limits, counters } = this.#runtime;
    const { queuePrevious: before, queueNext: after } = exchange;
    if (after === null) this.#last = before;
    else after.queuePrevious = before;
    if (before === null) {
      this.#first = after;
      if (after !== null) limits.tell(this.#limitBase + PoolLimit.oldestMs, this.#bootMs(after));
    } else before.queueNext = after;
    limits.leave(this.#limitBase + PoolLimit.waiting);
    const waitedMs = clock.monotonicMs() - exchange.queuedFromMs;
    exchange.queuedMs += waitedMs;
    counters[this.#base + PoolSlot.queueWaitMs]! += waitedMs;
    exchange.queue = null;
    exchange.queuePrevious = null;
    exchange.queueNext = null;
    exchange.queueDueMs = never;
    if (exchange.tried !== null) this.#retries--;
    if (this.#first === null) this.#queues.emptied(this);
  }

  /** The exchange ends while it waits. */
  abandon(exchange: Exchange): void {
    this.#runtime.counters[this.#base + PoolSlot.queueLeft]!++;
    this.remove(exchange);
  }

  /** It has waited as long as it may. */
  expire(exchange: Exchange): void {
    this.#runtime.counters[this.#base + PoolSlot.queueTimeouts]!++;
    this.remove(exchange);
    failExchange(exchange, Failure.QueueTimeout);
  }

  /**
   * A place may be free. Pumps behind the event that is being worked on: that event's own exchange is not done with yet,
   * and an attempt that fails at once frees the next place.
   */
  pumpSoon(): void {
    if (this.#isPumpDue || this.#first === null) return;
    this.#isPumpDue = true;
    afterThisEvent(this.#pumpDue);
  }

  readonly #pumpDue = (): void => {
    this.#isPumpDue = false;
    this.pump();
  };

  /** Starts attempts, the oldest exchange first, as long as there are places. */
  pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (let exchange = this.#first; exchange !== null;) {
      const following: Exchange | null = exchange.queueNext;
      const turn = this.#turn(exchange);
      if (turn === Turn.Stop) break;
      // What was started or refused may have changed the queue in any way.
      exchange = turn === Turn.Skip ? following : this.#first;
    }
    this.#isPumping = false;
  }

  #turn(exchange: Exchange): Turn {
    const pool = (exchange.pool = this.pool);
    const tried = exchange.tried ?? noEndpoints;
    if (!pool.hasOther(tried)) {
      // Its endpoints have gone while it waited.
      this.remove(exchange);
      failExchange(exchange, exchange.lastFailure === Failure.None ? Failure.NoEndpoint : exchange.lastFailure);
      return Turn.Taken;
    }
    // Looked at before a turn is drawn, so that waiting does not change whose turn it is.
    if (!pool.hasRoom(tried)) {
      this.#yieldingSinceMs = 0;
      return exchange.tried === null ? Turn.Stop : Turn.Skip;
    }
    if (this.#isOlderElsewhere(exchange, true)) return Turn.Stop;
    const wanted =
      exchange.tried === null ? pool.pick(exchange.balanceKey) : pool.pickOther(exchange.balanceKey, tried);
    const endpoint = pool.queue === null ? wanted : findPlace(exchange, wanted!);
    if (endpoint === undefined) return exchange.tried === null ? Turn.Stop : Turn.Skip;
    this.#yieldingSinceMs = 0;
    this.remove(exchange);
    exchange.endpoint = endpoint;
    startAttempt(exchange);
    return Turn.Taken;
  }

  /** Whether another worker has an exchange that is so much older that a free place is left to it. */
  #isOlderElsewhere(exchange: Exchange, isWaiting: boolean): boolean {
    const limits = this.#runtime.limits;
    if (limits.workers === 1) return false;
    const ours = this.#bootMs(exchange);
    for (let index = 0; index < limits.workers; index++) {
      if (limits.heard(index, this.#limitBase + PoolLimit.waiting) === 0) continue;
      const theirs = limits.heard(index, this.#limitBase + PoolLimit.oldestMs);
      // Modulo 2^32, as the times themselves.
      if (((ours - theirs) | 0) <= overtakeMs || this.#ignored[index] === theirs) continue;
      if (!isWaiting || !this.#isPatienceOver()) return true;
      this.#ignored[index] = theirs;
    }
    return false;
  }

  /** A place is free, and has been for a while. */
  #isPatienceOver(): boolean {
    const nowMs = clock.monotonicMs();
    if (this.#yieldingSinceMs === 0) this.#yieldingSinceMs = nowMs;
    return nowMs - this.#yieldingSinceMs > patienceMs;
  }

  #bootMs(exchange: Exchange): number {
    return (exchange.startedMs + this.#runtime.bootOffsetMs) | 0;
  }
}

const noEndpoints: readonly Endpoint[] = [];

const Turn = {
  /** The exchange has left the queue. */
  Taken: 0,
  /** No place for this one; the next may want another endpoint. */
  Skip: 1,
  /** No place for anybody. */
  Stop: 2,
} as const;
type Turn = (typeof Turn)[keyof typeof Turn];

/** The queues of one worker, by the names of their pools; they outlive snapshots. */
export class Queues {
  readonly #runtime: Runtime;
  readonly #byName = new Map<string, PoolQueue>();
  readonly #waiting = new Set<PoolQueue>();
  #stopPolling: Cancel | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** The queue of a pool; a new one where there is none yet. */
  of(slot: number, pool: Pool): PoolQueue {
    const known = this.#byName.get(pool.name);
    // A pool that was gone for a while may have come back with another slot.
    if (known?.slot === slot) return known;
    const queue = new PoolQueue(this, this.#runtime, slot, pool);
    this.#byName.set(pool.name, queue);
    return queue;
  }

  /** These pools are in use from now on: who waits, waits for their endpoints. */
  adopt(pools: readonly Pool[]): void {
    for (const pool of pools) {
      const queue = this.#byName.get(pool.name);
      if (queue !== undefined) queue.pool = pool;
      pool.applyLimits();
    }
    const names = new Set(pools.map(({ name }) => name));
    for (const [name, queue] of this.#byName) if (!names.has(name) && queue.isEmpty) this.#byName.delete(name);
    this.pump();
  }

  /** Something has changed that may be good for anyone who waits. */
  pump(): void {
    for (const queue of this.#waiting) queue.pump();
  }

  /**
   * Unused connections of this worker count towards an endpoint's limit: where exchanges of other workers wait, as many are
   * closed. Called every 20 ms.
   */
  spareIdle(): void {
    for (const queue of this.#byName.values()) {
      if (queue.pool.limitsConnections && queue.isWantedElsewhere) queue.pool.spareIdle();
    }
  }

  filled(queue: PoolQueue): void {
    this.#waiting.add(queue);
    // Alone, every freed place is ours and says so.
    if (this.#runtime.limits.workers > 1) this.#stopPolling ??= timers.every(pollMs, this.#poll);
  }

  emptied(queue: PoolQueue): void {
    this.#waiting.delete(queue);
    if (this.#waiting.size === 0) this.stop();
  }

  stop(): void {
    this.#stopPolling?.();
    this.#stopPolling = undefined;
  }

  readonly #poll = (): void => this.pump();
}

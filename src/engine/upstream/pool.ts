import { type Balancer, noKey } from "../../core/balance/balancer.ts";
import { createBalancer } from "../../core/balance/create.ts";
import { PeakLatency } from "../../core/balance/peak-latency.ts";
import { readyEndpoints, ReadyTier } from "../../core/balance/ready.ts";
import { type KeyPart, keyPart, requestKey } from "../../core/balance/request-key.ts";
import { pointsPerWeight } from "../../core/balance/ring.ts";
import { RunningAttempts } from "../../core/balance/running-attempts.ts";
import { mustRamp, rampShare, rampStepMs } from "../../core/balance/slow-start.ts";
import type { HeadParser } from "../../core/http1/head-parser.ts";
import { RetryBudget } from "../../core/traffic/retry-budget.ts";
import { type Deadline, never } from "../../lib/timer-wheel.ts";
import type { PoolTimeouts, RetryConfig } from "../../model/config.ts";
import { EndpointState, type PoolSnapshot } from "../../model/snapshot.ts";
import { EndpointSlot, poolBase } from "../../observe/counters.ts";
import { random } from "../../platform/clock.ts";
import type { Peer } from "../listener/http-listener.ts";
import type { Exchange } from "../proxy/exchange.ts";
import type { Runtime } from "../proxy/runtime.ts";
import type { PoolQueue, Queues } from "./admission.ts";
import type { Endpoint } from "./endpoint.ts";

/** What a pool needs of the worker it is in. */
export type PoolRuntime = Pick<Runtime, "columns" | "nowMs" | "wheel"> & { readonly queues: Pick<Queues, "of"> };

/**
 * A pool as exchanges use it: who is ready, whose turn it is. Made anew for each snapshot; whatever decides is told of
 * changes and makes the ready list and its balancer anew, so that a request finds arrays and an index.
 */
export class Pool implements Deadline {
  readonly name: string;
  readonly retry: RetryConfig;
  readonly timeouts: PoolTimeouts;
  readonly reuse: boolean;
  readonly budget: RetryBudget;
  /** 1 for each status after which another attempt may follow. */
  readonly retriesStatus = new Uint8Array(1000);
  /** Attempts are to be timed, and the endpoint's `latency` told. */
  readonly wantsLatency: boolean;
  tier: ReadyTier = ReadyTier.None;
  /** First of its slots in the counters. */
  readonly base: number;
  /** Where exchanges wait for a place; absent where no endpoint has limits, and then nothing of this costs anything. */
  readonly queue: PoolQueue | null;
  readonly queueMax: number;
  readonly queueTimeoutMs: number;
  readonly limitsConnections: boolean;
  readonly #runtime: PoolRuntime;
  readonly #snapshot: PoolSnapshot;
  /** In the order of the snapshot; absent while a name has no address. */
  readonly #endpoints: readonly (Endpoint | undefined)[];
  readonly #states: EndpointState[];
  /** As configured, or as set at run time. */
  readonly #weights: number[];
  readonly #keyPart: KeyPart | undefined;
  readonly #perWeight: number;
  #ready: readonly Endpoint[] = [];
  /** Backups that are UP while others serve. */
  #backups: readonly Endpoint[] = [];
  /** Endpoints that are DOWN while others serve. */
  #down: readonly Endpoint[] = [];
  #balancer: Balancer | undefined;
  /** Which of the ready endpoints an exchange has tried; filled in for each further attempt. */
  #tried = new Uint8Array(0);

  /** The next step of a ramp. */
  deadlineMs = never;
  wheelSlot = -1;
  wheelMeetsMs = 0;
  wheelPrevious: Deadline | null = null;
  wheelNext: Deadline | null = null;

  constructor(
    runtime: PoolRuntime,
    snapshot: PoolSnapshot,
    endpoints: readonly (Endpoint | undefined)[],
    stateOf: (row: number) => EndpointState,
  ) {
    this.name = snapshot.name;
    this.retry = snapshot.retry;
    this.timeouts = snapshot.timeouts;
    this.reuse = snapshot.reuse;
    this.budget = new RetryBudget(shareOfBudget(snapshot.retry.budget, runtime.columns.length));
    this.base = poolBase(snapshot.slot);
    this.queueMax = snapshot.queue.requests;
    this.queueTimeoutMs = snapshot.queue.timeoutMs;
    this.limitsConnections = snapshot.endpoints.some(({ limits }) => limits?.connections !== undefined);
    this.queue = snapshot.endpoints.some(({ limits }) => limits !== undefined)
      ? runtime.queues.of(snapshot.slot, this)
      : null;
    for (const condition of snapshot.retry.on) if (typeof condition === "number") this.retriesStatus[condition] = 1;
    this.wantsLatency = snapshot.balance.kind === "peak-ewma";
    this.#runtime = runtime;
    this.#snapshot = snapshot;
    this.#endpoints = endpoints;
    this.#states = snapshot.endpoints.map((endpoint) => stateOf(endpoint.row));
    this.#weights = snapshot.endpoints.map(({ weight }) => weight);
    this.#keyPart = snapshot.balance.kind === "hash" ? keyPart(snapshot.balance.by) : undefined;
    const weightSum = this.#weights.reduce((sum, weight) => sum + weight, 0);
    this.#perWeight = pointsPerWeight(this.#weights.length, weightSum);
    this.#rebuild();
  }

  /** Takes a changed state of one of its rows over; the ready list is made anew only if one of them is ours. */
  setStates(stateOf: (row: number) => EndpointState): void {
    const { endpoints } = this.#snapshot;
    const changed = endpoints.flatMap(({ row }, index) => (stateOf(row) === this.#states[index] ? [] : [index]));
    if (changed.length === 0) return;
    const serving = endpoints
      .map(({ backup }, index) => ({ backup, weight: this.#weights[index]!, state: this.#states[index] }))
      .filter(({ state }) => state === EndpointState.Up);
    for (const index of changed) {
      const endpoint = endpoints[index]!;
      const state = stateOf(endpoint.row);
      this.#states[index] = state;
      const known = this.#endpoints[index];
      if (known === undefined) continue;
      const ramps = state === EndpointState.Up && this.#snapshot.slowStartMs > 0 && mustRamp(endpoint, serving);
      known.rampFromMs = ramps ? this.#runtime.nowMs : -Infinity;
    }
    this.#rebuild();
  }

  /** Weights set at run time, 0…256; where `weightOf` has none, the configured one holds. */
  setWeights(weightOf: (row: number) => number | undefined): void {
    let isChanged = false;
    this.#snapshot.endpoints.forEach(({ row, weight: configured }, index) => {
      const weight = weightOf(row) ?? configured;
      if (weight === this.#weights[index]) return;
      this.#weights[index] = weight;
      isChanged = true;
    });
    if (isChanged) this.#rebuild();
  }

  /** Some endpoint ramps up: at most once in `rampStepMs`, and never while a request is picked for. */
  onDeadline(): void {
    this.#rebuild();
  }

  #rebuild(): void {
    const { balance, endpoints } = this.#snapshot;
    const candidates = endpoints.map((endpoint, index) => ({
      weight: this.#weights[index]!,
      backup: endpoint.backup,
      state: this.#states[index]!,
      isResolved: this.#endpoints[index] !== undefined,
    }));
    const { indices, tier } = readyEndpoints(candidates, balance.kind !== "first");
    const ready = indices.map((index) => this.#endpoints[index]!);
    this.tier = tier;
    this.#ready = ready;
    const aside = candidates.flatMap(({ weight, state }, index) => {
      const endpoint = this.#endpoints[index];
      return endpoint === undefined || weight === 0 || ready.includes(endpoint) ? [] : [{ endpoint, state }];
    });
    this.#backups = aside.filter(({ state }) => state === EndpointState.Up).map(({ endpoint }) => endpoint);
    // Where DOWN may mean "not the one that may be written to" it is no last resort, as it is none in panic.
    const isLastResort = balance.kind !== "first";
    this.#down = aside
      .filter(({ state }) => isLastResort && state === EndpointState.Down)
      .map(({ endpoint }) => endpoint);
    this.#tried = new Uint8Array(ready.length);
    if (ready.length === 0) {
      this.#balancer = undefined;
      return;
    }
    this.#balancer = createBalancer(balance, {
      names: ready.map(({ name }) => name),
      weights: ready.map((endpoint, at) => this.#weights[indices[at]!]! * this.#rampShareOf(endpoint)),
      running: new RunningAttempts(
        this.#runtime.columns,
        ready.map(({ base }) => base + EndpointSlot.attemptsNow),
      ),
      latencies: this.wantsLatency ? ready.map((endpoint) => (endpoint.latency ??= new PeakLatency())) : [],
      hasRoom: (index) => ready[index]!.hasRoom(),
      perWeight: this.#perWeight,
      fraction: random.fraction,
    });
  }

  /** Below 1, everything is made anew in a while. */
  #rampShareOf(endpoint: Endpoint): number {
    const { nowMs, wheel } = this.#runtime;
    const { slowStartMs } = this.#snapshot;
    const share = rampShare(nowMs - endpoint.rampFromMs, slowStartMs);
    const endMs = endpoint.rampFromMs + slowStartMs;
    if (share < 1 && this.deadlineMs === never) wheel.schedule(this, Math.min(nowMs + rampStepMs, endMs));
    return share;
  }

  /** What a request is balanced by, as a number; `noKey` in pools that do not ask. */
  keyOf(head: HeadParser, bytes: Uint8Array, base: number, peer: Peer): number {
    if (this.#keyPart !== undefined) return requestKey(this.#keyPart, head, bytes, base);
    return this.#snapshot.balance.kind === "source" ? peer.key : noKey;
  }

  /** The endpoint for a new exchange; absent when none is ready. */
  pick(key: number): Endpoint | undefined {
    const balancer = this.#balancer;
    return balancer === undefined ? undefined : this.#ready[balancer.pick(key, this.#runtime.nowMs)];
  }

  /** An endpoint that is not in `tried`; absent when every ready one is. */
  pickOther(key: number, tried: readonly Endpoint[]): Endpoint | undefined {
    const balancer = this.#balancer;
    if (balancer === undefined) return undefined;
    for (let index = 0; index < this.#ready.length; index++)
      this.#tried[index] = tried.includes(this.#ready[index]!) ? 1 : 0;
    return this.#ready[balancer.pickOther(key, this.#runtime.nowMs, this.#tried)];
  }

  hasOther(tried: readonly Endpoint[]): boolean {
    return this.#ready.some((endpoint) => !tried.includes(endpoint));
  }

  /**
   * For an exchange that every ready endpoint has let down: a backup, else one endpoint that counts as DOWN. A check may lag
   * or be wrong; without another attempt the failure is certain. MAINT, DRAIN and weight 0 are no last resort.
   */
  lastResort(tried: readonly Endpoint[]): Endpoint | undefined {
    const backup = this.#backups.find((endpoint) => !tried.includes(endpoint));
    if (backup !== undefined) return backup;
    return this.#down.some((endpoint) => tried.includes(endpoint)) ? undefined : this.#down[0];
  }

  /** Its snapshot is in use from now on: so are its limits. */
  applyLimits(): void {
    this.#snapshot.endpoints.forEach(({ limits }, index) => {
      const endpoint = this.#endpoints[index];
      if (endpoint === undefined) return;
      endpoint.requestsMax = limits?.requests ?? 0;
      endpoint.connectionsMax = limits?.connections ?? 0;
      endpoint.queue = this.queue;
    });
  }

  /** The one whose turn it is had no room: lets the exchange in at any ready endpoint that it has not tried. */
  enterAny(exchange: Exchange): Endpoint | undefined {
    const balancer = this.#balancer;
    if (balancer === undefined) return undefined;
    const passedOver = this.#tried;
    for (let index = 0; index < this.#ready.length; index++) {
      const endpoint = this.#ready[index]!;
      passedOver[index] = !endpoint.hasRoom() || exchange.tried?.includes(endpoint) === true ? 1 : 0;
    }
    for (;;) {
      const index = balancer.pickOther(exchange.balanceKey, this.#runtime.nowMs, passedOver);
      const endpoint = this.#ready[index];
      if (endpoint === undefined || endpoint.tryEnter(exchange)) return endpoint;
      // Another worker was faster.
      passedOver[index] = 1;
    }
  }

  /** Whether it looks as if `enterAny` would find a place. */
  hasRoom(tried: readonly Endpoint[]): boolean {
    return this.#ready.some((endpoint) => endpoint.hasRoom() && !tried.includes(endpoint));
  }

  /** Some ready endpoint has answered with HTTP/1.0 last: chunked requests that may go there must be counted first. */
  get speaks10(): boolean {
    return this.#ready.some((endpoint) => endpoint.speaks10);
  }

  /** Gives up an unused connection at each endpoint that is at its limit of connections. */
  spareIdle(): void {
    for (const endpoint of this.#endpoints) endpoint?.spareIdle();
  }
}

/** The budget is the node's; each worker gets its part of it, and at least one retry that can be saved up. */
function shareOfBudget({ share, minPerSecond, burst }: RetryConfig["budget"], workers: number): RetryConfig["budget"] {
  return { share, minPerSecond: minPerSecond / workers, burst: burst === 0 ? 0 : Math.max(1, burst / workers) };
}

import { readyEndpoints, ReadyTier } from "../../core/balance/ready.ts";
import { RoundRobin } from "../../core/balance/round-robin.ts";
import { RetryBudget } from "../../core/traffic/retry-budget.ts";
import type { PoolTimeouts, RetryConfig } from "../../model/config.ts";
import { EndpointState, type PoolSnapshot } from "../../model/snapshot.ts";
import { poolBase } from "../../observe/counters.ts";
import { random } from "../../platform/clock.ts";
import type { Exchange } from "../proxy/exchange.ts";
import type { PoolQueue, Queues } from "./admission.ts";
import type { Endpoint } from "./endpoint.ts";

/** A pool as exchanges use it: who is ready, whose turn it is. Made anew for each snapshot. */
export class Pool {
  readonly name: string;
  readonly retry: RetryConfig;
  readonly timeouts: PoolTimeouts;
  readonly reuse: boolean;
  readonly budget: RetryBudget;
  /** 1 for each status after which another attempt may follow. */
  readonly retriesStatus = new Uint8Array(1000);
  tier: ReadyTier = ReadyTier.None;
  /** First of its slots in the counters. */
  readonly base: number;
  /** Where exchanges wait for a place; absent where no endpoint has limits, and then nothing of this costs anything. */
  readonly queue: PoolQueue | null;
  readonly queueMax: number;
  readonly queueTimeoutMs: number;
  readonly limitsConnections: boolean;
  readonly #snapshot: PoolSnapshot;
  /** In the order of the snapshot; absent while a name has no address. */
  readonly #endpoints: readonly (Endpoint | undefined)[];
  readonly #states: EndpointState[];
  #ready: readonly Endpoint[] = [];
  #turns: RoundRobin | undefined;
  #searchFrom = 0;

  constructor(
    snapshot: PoolSnapshot,
    endpoints: readonly (Endpoint | undefined)[],
    stateOf: (row: number) => EndpointState,
    queues: Queues,
  ) {
    this.name = snapshot.name;
    this.retry = snapshot.retry;
    this.timeouts = snapshot.timeouts;
    this.reuse = snapshot.reuse;
    this.budget = new RetryBudget(shareOfBudget(snapshot.retry.budget, queues.workers));
    this.base = poolBase(snapshot.slot);
    this.queueMax = snapshot.queue.requests;
    this.queueTimeoutMs = snapshot.queue.timeoutMs;
    this.limitsConnections = snapshot.endpoints.some(({ limits }) => limits?.connections !== undefined);
    this.queue = snapshot.endpoints.some(({ limits }) => limits !== undefined) ? queues.of(snapshot.slot, this) : null;
    for (const condition of snapshot.retry.on) if (typeof condition === "number") this.retriesStatus[condition] = 1;
    this.#snapshot = snapshot;
    this.#endpoints = endpoints;
    this.#states = snapshot.endpoints.map((endpoint) => stateOf(endpoint.row));
    this.#rebuild();
  }

  /** Takes a changed state of one of its rows over; the ready list is made anew only if one of them is ours. */
  setStates(stateOf: (row: number) => EndpointState): void {
    let isChanged = false;
    this.#snapshot.endpoints.forEach((endpoint, index) => {
      const state = stateOf(endpoint.row);
      if (state === this.#states[index]) return;
      this.#states[index] = state;
      isChanged = true;
    });
    if (isChanged) this.#rebuild();
  }

  #rebuild(): void {
    const candidates = this.#snapshot.endpoints.map((endpoint, index) => ({
      weight: endpoint.weight,
      backup: endpoint.backup,
      state: this.#states[index]!,
      isResolved: this.#endpoints[index] !== undefined,
    }));
    const { indices, tier } = readyEndpoints(candidates);
    this.tier = tier;
    this.#ready = indices.map((index) => this.#endpoints[index]!);
    this.#turns =
      indices.length === 0
        ? undefined
        : new RoundRobin(
            indices.map((index) => candidates[index]!.weight),
            random.fraction(),
          );
  }

  /** The endpoint whose turn it is. */
  pick(): Endpoint | undefined {
    return this.#turns === undefined ? undefined : this.#ready[this.#turns.pick()];
  }

  /** The next endpoint that is not in `tried`; absent when every ready one is. */
  pickOther(tried: readonly Endpoint[]): Endpoint | undefined {
    if (this.#turns === undefined || !this.hasOther(tried)) return undefined;
    // A heavy endpoint may have many turns before another one's: after a round for each, the list is searched.
    for (let turn = 0; turn < this.#ready.length; turn++) {
      const endpoint = this.#ready[this.#turns.pick()]!;
      if (!tried.includes(endpoint)) return endpoint;
    }
    return this.#ready.find((endpoint) => !tried.includes(endpoint));
  }

  hasOther(tried: readonly Endpoint[]): boolean {
    return this.#ready.some((endpoint) => !tried.includes(endpoint));
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
    const { tried } = exchange;
    const count = this.#ready.length;
    // Begins with another one each time, so that what is left over does not always go to the first.
    const start = this.#searchFrom++ % count;
    for (let step = 0; step < count; step++) {
      const endpoint = this.#ready[(start + step) % count]!;
      if ((tried === null || !tried.includes(endpoint)) && endpoint.tryEnter(exchange)) return endpoint;
    }
    return undefined;
  }

  /** Whether it looks as if `enterAny` would find a place. */
  hasRoom(tried: readonly Endpoint[]): boolean {
    return this.#ready.some((endpoint) => endpoint.hasRoom && !tried.includes(endpoint));
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

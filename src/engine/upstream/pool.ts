import { readyEndpoints, ReadyTier } from "../../core/balance/ready.ts";
import { RoundRobin } from "../../core/balance/round-robin.ts";
import { RetryBudget } from "../../core/traffic/retry-budget.ts";
import type { PoolTimeouts, RetryConfig } from "../../model/config.ts";
import { EndpointState, type PoolSnapshot } from "../../model/snapshot.ts";
import { random } from "../../platform/clock.ts";
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
  readonly #snapshot: PoolSnapshot;
  /** In the order of the snapshot; absent while a name has no address. */
  readonly #endpoints: readonly (Endpoint | undefined)[];
  readonly #states: EndpointState[];
  /** As configured, or as set at run time. */
  readonly #weights: number[];
  #ready: readonly Endpoint[] = [];
  #turns: RoundRobin | undefined;

  constructor(
    snapshot: PoolSnapshot,
    endpoints: readonly (Endpoint | undefined)[],
    stateOf: (row: number) => EndpointState,
  ) {
    this.name = snapshot.name;
    this.retry = snapshot.retry;
    this.timeouts = snapshot.timeouts;
    this.reuse = snapshot.reuse;
    this.budget = new RetryBudget(snapshot.retry.budget);
    for (const condition of snapshot.retry.on) if (typeof condition === "number") this.retriesStatus[condition] = 1;
    this.#snapshot = snapshot;
    this.#endpoints = endpoints;
    this.#states = snapshot.endpoints.map((endpoint) => stateOf(endpoint.row));
    this.#weights = snapshot.endpoints.map(({ weight }) => weight);
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

  #rebuild(): void {
    const candidates = this.#snapshot.endpoints.map((endpoint, index) => ({
      weight: this.#weights[index]!,
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
}

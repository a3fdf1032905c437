import { describe, expect, test } from "bun:test";
import { noKey } from "../../core/balance/balancer.ts";
import { TimerWheel } from "../../lib/timer-wheel.ts";
import type { BalanceConfig } from "../../model/config.ts";
import { EndpointState, type PoolSnapshot } from "../../model/snapshot.ts";
import { columnSlots, endpointBase, EndpointSlot } from "../../observe/counters.ts";
import type { Runtime } from "../proxy/runtime.ts";
import { Endpoint } from "./endpoint.ts";
import { Pool } from "./pool.ts";

const { Up, Down, Maint } = EndpointState;

interface Setup {
  readonly weights: readonly number[];
  readonly balance?: BalanceConfig;
  readonly slowStartMs?: number;
  readonly states?: readonly EndpointState[];
}

/** A pool with a clock that the test turns; it needs nothing else of a worker. */
class Stage {
  readonly states: EndpointState[];
  readonly columns = [new Float64Array(columnSlots), new Float64Array(columnSlots)];
  readonly runtime = { nowMs: 0, wheel: new TimerWheel({ nowMs: 0, tickMs: 20, slots: 64 }), columns: this.columns };
  readonly endpoints: readonly Endpoint[];
  readonly snapshot: PoolSnapshot;
  pool: Pool;

  constructor({ weights, balance = { kind: "least-requests" }, slowStartMs = 0, states }: Setup) {
    this.states = [...(states ?? weights.map(() => Up))];
    this.snapshot = {
      name: "app",
      balance,
      slowStartMs,
      endpoints: weights.map((weight, row) => ({
        row,
        name: `e${row}`,
        host: "127.0.0.1",
        ip: "127.0.0.1",
        port: 1 + row,
        weight,
        backup: false,
      })),
      retry: {
        attempts: 3,
        attemptTimeoutMs: 0,
        on: [],
        bodyBytes: 0,
        budget: { share: 0, minPerSecond: 0, burst: 0 },
      },
      timeouts: { connectMs: 1, responseMs: 1, idleMs: 1, totalMs: 0 },
      reuse: true,
    };
    this.endpoints = this.snapshot.endpoints.map(
      (endpoint) => new Endpoint(this.runtime as unknown as Runtime, { ...endpoint, ip: "127.0.0.1" }),
    );
    this.pool = this.reloaded();
  }

  /** The same as a new snapshot makes it: endpoints stay, the pool is another one. */
  reloaded(): Pool {
    this.pool = new Pool(this.runtime, this.snapshot, this.endpoints, (row) => this.states[row]!);
    return this.pool;
  }

  set(row: number, state: EndpointState): void {
    this.states[row] = state;
    this.pool.setStates((each) => this.states[each]!);
  }

  /** Lets time pass, tick by tick. */
  pass(ms: number): void {
    const endMs = this.runtime.nowMs + ms;
    while (this.runtime.nowMs < endMs) {
      this.runtime.nowMs += 20;
      this.runtime.wheel.advance(this.runtime.nowMs);
    }
  }

  /** How much of many picks each endpoint gets while nothing runs. */
  shares(): readonly number[] {
    const counts = this.endpoints.map(() => 0);
    for (let turn = 0; turn < 6000; turn++) counts[this.pool.pick(noKey)!.row]!++;
    return counts.map((count) => count / 6000);
  }
}

describe("weights at run time", () => {
  test("take effect without a new snapshot, and go back to the configured ones", () => {
    const stage = new Stage({ weights: [1, 1] });
    stage.pool.setWeights((row) => (row === 0 ? 3 : undefined));
    expect(stage.shares()[0]).toBeCloseTo(0.75, 2);
    stage.pool.setWeights((row) => (row === 0 ? 0 : undefined));
    expect(stage.shares()).toEqual([0, 1]);
    stage.pool.setWeights(() => undefined);
    expect(stage.shares()[0]).toBeCloseTo(0.5, 2);
  });

  test("weight 0 everywhere leaves nobody", () => {
    const stage = new Stage({ weights: [1, 1] });
    stage.pool.setWeights(() => 0);
    expect(stage.pool.pick(noKey)).toBeUndefined();
    expect(stage.pool.pickOther(noKey, [])).toBeUndefined();
  });
});

describe("slow start", () => {
  const ramp = (): Stage => {
    const stage = new Stage({ weights: [1, 1], slowStartMs: 10_000, states: [Up, Down] });
    stage.set(1, Up);
    return stage;
  };

  for (const kind of ["least-requests", "round-robin"] as const) {
    test(`${kind}: an endpoint that comes UP begins with a tenth of its weight and gets to all of it`, () => {
      const stage = new Stage({ weights: [1, 1], balance: { kind }, slowStartMs: 10_000, states: [Up, Down] });
      stage.set(1, Up);
      expect(stage.shares()[1]).toBeCloseTo(0.1 / 1.1, 2);
      stage.pass(5100);
      expect(stage.shares()[1]).toBeCloseTo(0.55 / 1.55, 1);
      stage.pass(5000);
      expect(stage.shares()[1]).toBeCloseTo(0.5, 2);
      expect(stage.runtime.wheel.count).toBe(0);
    });
  }

  test("nothing is made anew more than once a second", () => {
    const stage = ramp();
    stage.pass(900);
    expect(stage.shares()[1]).toBeCloseTo(0.1 / 1.1, 2);
  });

  test("DOWN and UP again begins anew", () => {
    const stage = ramp();
    stage.pass(9000);
    stage.set(1, Down);
    stage.set(1, Up);
    expect(stage.shares()[1]).toBeCloseTo(0.1 / 1.1, 2);
  });

  test("MAINT and back ramps up as well", () => {
    const stage = new Stage({ weights: [1, 1], slowStartMs: 10_000 });
    stage.set(0, Maint);
    stage.set(0, Up);
    expect(stage.shares()[0]).toBeCloseTo(0.1 / 1.1, 2);
  });

  test("into an empty pool there is no ramp, and the next one ramps up beside it", () => {
    const stage = new Stage({ weights: [1, 1], slowStartMs: 10_000, states: [Down, Down] });
    stage.set(0, Up);
    expect(stage.shares()).toEqual([1, 0]);
    stage.set(1, Up);
    expect(stage.shares()[1]).toBeCloseTo(0.1 / 1.1, 2);
  });

  test("all that come UP at once into an empty pool have their weight at once", () => {
    const stage = new Stage({ weights: [1, 1], slowStartMs: 10_000, states: [Down, Down] });
    stage.states.fill(Up);
    stage.pool.setStates(() => Up);
    expect(stage.shares()[0]).toBeCloseTo(0.5, 2);
  });

  test("a reload goes on with the ramp", () => {
    const stage = ramp();
    stage.pass(5000);
    stage.reloaded();
    expect(stage.shares()[1]).toBeCloseTo(0.55 / 1.55, 2);
    stage.pass(6000);
    expect(stage.shares()[1]).toBeCloseTo(0.5, 2);
  });

  test("at the start there is no ramp", () => {
    expect(new Stage({ weights: [1, 1], slowStartMs: 10_000 }).shares()[1]).toBeCloseTo(0.5, 2);
  });

  test("without it an endpoint that comes UP has its weight at once", () => {
    const stage = new Stage({ weights: [1, 1], states: [Up, Down] });
    stage.set(1, Up);
    expect(stage.shares()[1]).toBeCloseTo(0.5, 2);
  });
});

describe("a pool", () => {
  test("least-requests sees what runs in other workers", () => {
    const stage = new Stage({ weights: [1, 1, 1] });
    const busy = (row: number, attempts: number): void => {
      stage.columns[1]![endpointBase(row) + EndpointSlot.attemptsNow] = attempts;
    };
    busy(0, 2);
    busy(2, 1);
    expect(stage.shares()).toEqual([0, 1, 0]);
  });

  test("panics when all are DOWN, but not onto MAINT, and never where the first is to be used", () => {
    const down = [Down, Maint];
    expect(new Stage({ weights: [1, 1], states: down }).shares()).toEqual([1, 0]);
    const first = new Stage({ weights: [1, 1], states: down, balance: { kind: "first" } });
    expect(first.pool.pick(noKey)).toBeUndefined();
  });

  test("`first` uses one until it is gone", () => {
    const stage = new Stage({ weights: [1, 1], balance: { kind: "first" } });
    expect(stage.shares()).toEqual([1, 0]);
    stage.set(0, Down);
    expect(stage.shares()).toEqual([0, 1]);
  });

  test("latencies of peak-ewma outlive changes and reloads", () => {
    const stage = new Stage({ weights: [1, 1, 1], balance: { kind: "peak-ewma" } });
    stage.endpoints.forEach((endpoint, row) => endpoint.latency!.answered(10 * (row + 1), 0));
    stage.set(0, Down);
    expect(stage.pool.pick(noKey)?.row).toBe(1);
    expect(stage.reloaded().pick(noKey)?.row).toBe(1);
  });

  test("a further attempt never goes to a tried one", () => {
    const stage = new Stage({ weights: [1, 1, 1] });
    const [first, second, third] = stage.endpoints as [Endpoint, Endpoint, Endpoint];
    expect(stage.pool.pickOther(noKey, [first, third])).toBe(second);
    expect(stage.pool.pickOther(noKey, [first, second, third])).toBeUndefined();
    expect(stage.pool.hasOther([first, second])).toBe(true);
    expect(stage.pool.hasOther([first, second, third])).toBe(false);
  });
});

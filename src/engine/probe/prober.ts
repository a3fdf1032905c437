import { type CheckState, firstCheckInMs, initialCheckState, step } from "../../core/health/check-state.ts";
import { type EffectiveState, effectiveState } from "../../core/health/effective-state.ts";
import { type EjectionState, EjectionStep, ejectionStep, notEjected } from "../../core/health/ejection.ts";
import { whyText } from "../../core/health/why-text.ts";
import { addressText } from "../../lib/address.ts";
import type { HealthConfig } from "../../model/config.ts";
import type { EndpointRowState, TroubleCounts } from "../../model/link.ts";
import type { EndpointOverride } from "../../model/override.ts";
import { type EndpointSnapshot, EndpointState } from "../../model/snapshot.ts";
import type { HealthView } from "../../model/status.ts";
import { type CheckPorts, type CheckResult, type CheckTarget, runCheck } from "./run-check.ts";

/** What the prober needs of the world; the platform's clock, timers and random fit. */
export interface ProberPorts extends CheckPorts {
  readonly clock: {
    /** For waiting. */
    monotonicMs(): number;
    /** Since 1970, for people. */
    wallMs(): number;
  };
  readonly random: {
    /** 0 ≤ value < 1 */
    fraction(): number;
  };
  /** Rows whose effective state changed, at once and all that one check changed together. */
  onChange(states: readonly EndpointRowState[]): void;
}

/** A pool of the snapshot with its checks; a `PoolConfig`'s health beside a `PoolSnapshot`'s endpoints. */
export interface ProbedPool {
  readonly name: string;
  readonly endpoints: readonly EndpointSnapshot[];
  /** What someone set at run time, by the endpoint's name; absent: nothing. */
  readonly overrides?: ReadonlyMap<string, EndpointOverride>;
  /** Absent: its endpoints count as UP while their names resolve. */
  readonly health?: HealthConfig;
}

/** Checks that run at the same time, over all pools; the rest wait their turn. Each holds one descriptor. */
export const parallelChecksMax = 256;

/** One endpoint under watch. */
interface Watched {
  readonly row: number;
  readonly pool: string;
  /** Who the row belongs to; another one in the same row starts anew. */
  readonly identity: string;
  health: HealthConfig | undefined;
  isResolved: boolean;
  check: CheckState | undefined;
  ejection: EjectionState;
  /** Until a check may end the ejection. */
  cancelEjection: (() => void) | undefined;
  override: EndpointOverride | undefined;
  effective: EffectiveState;
  target: Target | undefined;
}

/** One check at one address, done once for all rows that want the same. */
interface Target {
  readonly key: string;
  readonly what: CheckTarget;
  readonly rows: Set<Watched>;
  /** Monotonic; Infinity: nothing planned. */
  dueAtMs: number;
  cancelTimer: (() => void) | undefined;
  /** Stops the running check. */
  cancelCheck: (() => void) | undefined;
  isQueued: boolean;
  /** Monotonic; -Infinity: never. */
  beganAtMs: number;
}

/**
 * Runs the active checks of an instance and knows the state of every endpoint. The supervisor owns one, calls `update`
 * with each accepted revision, passes on the workers' trouble, and sends the states it gets to the workers.
 */
export class Prober {
  readonly #ports: ProberPorts;
  readonly #watched = new Map<number, Watched>();
  readonly #targets = new Map<string, Target>();
  readonly #queue: Target[] = [];
  #running = 0;
  #isStopped = false;

  constructor(ports: ProberPorts) {
    this.#ports = ports;
  }

  /**
   * Takes the pools of a new revision. Rows that kept their identity keep their state; new and changed checks begin
   * within `fastInterval`. Does not call `onChange`: the caller sends `states()` with the revision.
   */
  update(pools: readonly ProbedPool[]): void {
    const seen = new Set<number>();
    for (const pool of pools) {
      for (const endpoint of pool.endpoints) {
        seen.add(endpoint.row);
        this.#watch(pool, endpoint);
      }
    }
    for (const watched of this.#watched.values()) {
      if (seen.has(watched.row)) continue;
      watched.cancelEjection?.();
      this.#detach(watched);
      this.#watched.delete(watched.row);
    }
  }

  /** Every row's state, in no order. */
  states(): readonly EndpointRowState[] {
    return [...this.#watched.values()].map(rowState);
  }

  /**
   * Exchanges failed at this row, or wait for too long: check now (at most once per fast interval), and fast for a while.
   * Enough failures eject at once. `goodAnswers`: those below 500 since the instance started.
   */
  trouble(row: number, counts: TroubleCounts, goodAnswers: number): void {
    const watched = this.#watched.get(row);
    if (watched?.check === undefined || watched.health === undefined || watched.target === undefined) return;
    const { target } = watched;
    this.#ejectOn(watched, counts, goodAnswers);
    const sinceCheckMs = this.#ports.clock.monotonicMs() - target.beganAtMs;
    const { state, nextCheckInMs } = step(watched.check, { kind: "trouble", sinceCheckMs }, watched.health);
    watched.check = state;
    // A running check answers soon, and the doubt in the state makes the one after it come fast.
    if (nextCheckInMs !== undefined && target.cancelCheck === undefined) this.#plan(target, nextCheckInMs);
  }

  /** Sets what someone asked for, or takes it back. Returns the row where workers must know; does not call `onChange`. */
  override(row: number, override: EndpointOverride | undefined): readonly EndpointRowState[] {
    const watched = this.#watched.get(row);
    if (watched === undefined) return [];
    const before = rowState(watched);
    watched.override = override;
    this.#settle(watched);
    const now = rowState(watched);
    return now[1] === before[1] && now[2] === before[2] ? [] : [now];
  }

  /** What is known of a row, for status; undefined for a row that is not in use. */
  view(row: number): HealthView | undefined {
    const watched = this.#watched.get(row);
    if (watched === undefined) return undefined;
    const { effective, check, override, ejection } = watched;
    const { ejected } = ejection;
    const lastCheck = check?.lastCheck;
    const { clock } = this.#ports;
    const evidence = { failures: check?.failures ?? 0, lastCheck, ejected, override: override?.state };
    return {
      ...effective,
      whyText: whyText(effective.why, evidence),
      ...(lastCheck === undefined ? {} : { lastCheck }),
      ...(ejected === undefined ? {} : { ejectedUntilAt: clock.wallMs() + ejected.untilMs - clock.monotonicMs() }),
      ...(override === undefined ? {} : { override }),
    };
  }

  /** Ends all checks and timers; nothing is called back afterwards. */
  stop(): void {
    this.#isStopped = true;
    for (const target of this.#targets.values()) {
      target.cancelTimer?.();
      target.cancelCheck?.();
    }
    for (const watched of this.#watched.values()) watched.cancelEjection?.();
    this.#targets.clear();
    this.#watched.clear();
    this.#queue.length = 0;
  }

  #watch(pool: ProbedPool, endpoint: EndpointSnapshot): void {
    const identity = `${pool.name}/${endpoint.name}/${addressText(endpoint)}`;
    const what = pool.health === undefined ? undefined : checkTarget(endpoint, pool.health);
    const known = this.#watched.get(endpoint.row);
    const override = pool.overrides?.get(endpoint.name);
    if (known !== undefined && known.identity === identity) {
      known.override = override;
      this.#rewatch(known, pool.health, what, endpoint.ip !== undefined);
      return;
    }
    if (known !== undefined) {
      known.cancelEjection?.();
      this.#detach(known);
    }
    const check = pool.health === undefined ? undefined : initialCheckState(pool.health);
    const isResolved = endpoint.ip !== undefined;
    const basis = { check, isResolved, ejection: notEjected, override };
    const watched: Watched = {
      row: endpoint.row,
      pool: pool.name,
      identity,
      health: pool.health,
      ...basis,
      cancelEjection: undefined,
      effective: effectiveState(inputsOf(basis), this.#ports.clock.wallMs()),
      target: undefined,
    };
    this.#watched.set(endpoint.row, watched);
    if (what !== undefined && pool.health !== undefined)
      this.#attach(watched, what, firstCheckInMs(pool.health, this.#ports.random.fraction()));
  }

  /** The same endpoint in a new revision. */
  #rewatch(
    watched: Watched,
    health: HealthConfig | undefined,
    what: CheckTarget | undefined,
    isResolved: boolean,
  ): void {
    watched.health = health;
    watched.isResolved = isResolved;
    const isSameCheck = watched.target?.key === (what === undefined ? undefined : targetKey(what));
    if (health === undefined) {
      watched.check = undefined;
    } else if (watched.check === undefined) {
      watched.check = initialCheckState(health);
    }
    if (!isSameCheck) {
      this.#detach(watched);
      if (what !== undefined && health !== undefined && watched.check !== undefined) {
        const { state, nextCheckInMs } = step(
          watched.check,
          { kind: "reconfigured", random: this.#ports.random.fraction() },
          health,
        );
        watched.check = state;
        this.#attach(watched, what, nextCheckInMs ?? 0);
      }
    }
    if (health?.passive === undefined) this.#endEjection(watched);
    this.#settle(watched);
  }

  /** Decides the state anew; true when it is another one. */
  #settle(watched: Watched): boolean {
    const before = watched.effective;
    watched.effective = effectiveState(inputsOf(watched), this.#ports.clock.wallMs(), before);
    return watched.effective.state !== before.state;
  }

  #ejectOn(watched: Watched, counts: TroubleCounts, goodAnswers: number): void {
    const { check, health } = watched;
    // At an endpoint that is DOWN only panic tries its luck, and its failures are expected.
    if (health?.passive === undefined || check?.isUp !== true) return;
    const nowMs = this.#ports.clock.monotonicMs();
    const pool = this.#poolOf(watched);
    const event = { kind: "trouble", nowMs, counts, goodAnswers, pool } as const;
    const { state, why } = ejectionStep(watched.ejection, event, health.passive);
    watched.ejection = state;
    if (why !== EjectionStep.Ejected || state.ejected === undefined) return;
    watched.cancelEjection = this.#ports.timers.after(state.ejected.durationMs, () => {
      watched.cancelEjection = undefined;
      if (watched.target !== undefined) this.#plan(watched.target, 0);
    });
    if (this.#settle(watched)) this.#ports.onChange([rowState(watched)]);
  }

  #endEjection(watched: Watched): void {
    watched.ejection = notEjected;
    watched.cancelEjection?.();
    watched.cancelEjection = undefined;
  }

  /** Only asked when an exchange has failed: nothing is kept up to date for it. */
  #poolOf({ pool }: Watched): { readonly size: number; readonly out: number } {
    let size = 0;
    let out = 0;
    for (const watched of this.#watched.values()) {
      if (watched.pool !== pool) continue;
      size++;
      if (watched.effective.state !== EndpointState.Up) out++;
    }
    return { size, out };
  }

  #attach(watched: Watched, what: CheckTarget, inMs: number): void {
    const key = targetKey(what);
    let target = this.#targets.get(key);
    if (target === undefined) {
      target = {
        key,
        what,
        rows: new Set(),
        dueAtMs: Infinity,
        cancelTimer: undefined,
        cancelCheck: undefined,
        isQueued: false,
        beganAtMs: -Infinity,
      };
      this.#targets.set(key, target);
    }
    target.rows.add(watched);
    watched.target = target;
    this.#plan(target, inMs);
  }

  #detach(watched: Watched): void {
    const { target } = watched;
    watched.target = undefined;
    if (target === undefined) return;
    target.rows.delete(watched);
    if (target.rows.size > 0) return;
    this.#targets.delete(target.key);
    target.cancelTimer?.();
    if (target.isQueued) this.#queue.splice(this.#queue.indexOf(target), 1);
    if (target.cancelCheck !== undefined) {
      target.cancelCheck();
      this.#running -= 1;
      this.#startQueued();
    }
  }

  /** Plans the next check, unless an earlier one is planned. */
  #plan(target: Target, inMs: number): void {
    const dueAtMs = this.#ports.clock.monotonicMs() + inMs;
    if (target.isQueued || dueAtMs >= target.dueAtMs) return;
    target.dueAtMs = dueAtMs;
    target.cancelTimer?.();
    target.cancelTimer = undefined;
    // While a check runs, its end starts the timer: one target never has two checks.
    if (target.cancelCheck === undefined) this.#arm(target);
  }

  #arm(target: Target): void {
    target.cancelTimer = this.#ports.timers.after(Math.max(0, target.dueAtMs - this.#ports.clock.monotonicMs()), () => {
      target.cancelTimer = undefined;
      target.isQueued = true;
      this.#queue.push(target);
      this.#startQueued();
    });
  }

  #startQueued(): void {
    while (this.#running < parallelChecksMax && !this.#isStopped) {
      const target = this.#queue.shift();
      if (target === undefined) return;
      this.#start(target);
    }
  }

  #start(target: Target): void {
    this.#running += 1;
    target.isQueued = false;
    target.dueAtMs = Infinity;
    target.beganAtMs = this.#ports.clock.monotonicMs();
    // Only those who asked get the answer: a row that joins while the check runs waits for the next one.
    const asked = [...target.rows].map((watched) => ({
      watched,
      generation: watched.check?.generation ?? 0,
    }));
    target.cancelCheck = runCheck(target.what, this.#ports, (result) => {
      target.cancelCheck = undefined;
      this.#running -= 1;
      const changed = this.#judge(target, asked, result);
      if (target.dueAtMs < Infinity) this.#arm(target);
      this.#startQueued();
      if (changed.length > 0) this.#ports.onChange(changed);
    });
  }

  /** Feeds a result to the rows that asked; plans the next check; returns what changed. */
  #judge(
    target: Target,
    asked: readonly { watched: Watched; generation: number }[],
    result: CheckResult,
  ): readonly EndpointRowState[] {
    const changed: EndpointRowState[] = [];
    const nowAt = this.#ports.clock.wallMs();
    const durationMs = Math.round((this.#ports.clock.monotonicMs() - target.beganAtMs) * 10) / 10;
    let nextInMs = Infinity;
    for (const { watched, generation } of asked) {
      if (watched.target !== target || watched.check === undefined || watched.health === undefined) continue;
      if (result.kind === "not-asked") {
        nextInMs = Math.min(nextInMs, watched.health.intervalMs);
        continue;
      }
      const check = { at: nowAt, isOk: result.isOk, evidence: result.evidence, durationMs };
      const outcome = step(
        watched.check,
        {
          kind: "result",
          generation,
          check,
          asksDrain: result.asksDrain === true,
          random: this.#ports.random.fraction(),
        },
        watched.health,
      );
      watched.check = outcome.state;
      nextInMs = Math.min(nextInMs, outcome.nextCheckInMs ?? Infinity);
      if (result.isOk && watched.health.passive !== undefined) {
        const passed = { kind: "check-passed", nowMs: this.#ports.clock.monotonicMs() } as const;
        watched.ejection = ejectionStep(watched.ejection, passed, watched.health.passive).state;
      }
      if (this.#settle(watched)) changed.push(rowState(watched));
    }
    const dueAtMs = this.#ports.clock.monotonicMs() + nextInMs;
    if (dueAtMs < target.dueAtMs) target.dueAtMs = dueAtMs;
    return changed;
  }
}

function inputsOf({
  check,
  isResolved,
  ejection,
  override,
}: Pick<Watched, "check" | "isResolved" | "ejection" | "override">): Parameters<typeof effectiveState>[0] {
  return {
    isResolved,
    isEjected: ejection.ejected !== undefined,
    ...(check === undefined ? {} : { check }),
    ...(override?.state === undefined ? {} : { override: override.state }),
  };
}

function rowState({ row, effective: { state }, override }: Watched): EndpointRowState {
  return override?.weight === undefined ? [row, state] : [row, state, override.weight.value];
}

/** Undefined where the endpoint has no address. */
function checkTarget(endpoint: EndpointSnapshot, health: HealthConfig): CheckTarget | undefined {
  if (endpoint.ip === undefined) return undefined;
  const { check, timeoutMs } = health;
  const hostField = check.kind === "http" ? (check.host ?? addressText(endpoint)) : "";
  return { ip: endpoint.ip, port: check.port ?? endpoint.port, check, hostField, timeoutMs };
}

function targetKey(what: CheckTarget): string {
  return JSON.stringify([what.ip, what.port, what.check, what.hostField, what.timeoutMs]);
}

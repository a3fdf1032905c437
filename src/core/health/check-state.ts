import type { HealthConfig } from "../../model/config.ts";
import { type CheckView, HealthWhy } from "../../model/status.ts";

/**
 * What active checks say about one endpoint. `step` is the whole machine: a check's outcome or a sign of trouble goes
 * in, the new state and the wait before the next check come out.
 *
 *            fall failures in a row                    any failure
 *   UP ────────────────────────────> DOWN      UP (falling) <──── UP      checks at fastInterval while falling,
 *   UP <──────────────────────────── DOWN      DOWN (rising) <── DOWN     rising or in doubt, else at interval
 *            rise successes in a row                   any success
 */
export interface CheckState {
  readonly isUp: boolean;
  readonly why: HealthWhy;
  /** Successes in a row while DOWN, failures in a row while UP; 0 after a check that confirms the state. */
  readonly streak: number;
  /** Checks that are still to run at `fastInterval` because exchanges saw trouble. */
  readonly doubtfulChecks: number;
  /** Grows when the check changes; a result that carries another number is too late. */
  readonly generation: number;
  /** The last answer of a check that passed asked for DRAIN. Taken at once, both ways: someone decided it. */
  readonly asksDrain: boolean;
  /** Failures in a row since the start or since the last success, for the reason's text. */
  readonly failures: number;
  readonly lastCheck?: CheckView;
}

export type CheckEvent =
  | {
      readonly kind: "result";
      readonly generation: number;
      readonly check: CheckView;
      /** Of a check that passed. */
      readonly asksDrain: boolean;
      /** 0 ≤ random < 1 */ readonly random: number;
    }
  /** An exchange failed at this endpoint. `sinceCheckMs`: since its last check began; Infinity if there was none. */
  | { readonly kind: "trouble"; readonly sinceCheckMs: number }
  /** The configuration of the check changed; what is known stays until the new check says otherwise. */
  | { readonly kind: "reconfigured"; readonly random: number };

/** What came of an event, for logs and tests. */
export const CheckStep = {
  RoseToUp: "rose-to-up",
  FellToDown: "fell-to-down",
  /** The check agrees with the state. */
  Confirmed: "confirmed",
  Rising: "rising",
  Falling: "falling",
  /** A result of a check that is no longer configured. */
  Late: "late",
  Doubt: "doubt",
  /** Trouble at an endpoint that is DOWN says nothing new. */
  Ignored: "ignored",
  Reconfigured: "reconfigured",
} as const;
export type CheckStep = (typeof CheckStep)[keyof typeof CheckStep];

export interface CheckOutcome {
  readonly state: CheckState;
  readonly why: CheckStep;
  /** Milliseconds until the next check should begin; absent: what was planned stays. */
  readonly nextCheckInMs?: number;
}

/** State before the first check. */
export function initialCheckState(config: HealthConfig): CheckState {
  return {
    isUp: config.initial === "up",
    why: HealthWhy.Initial,
    streak: 0,
    doubtfulChecks: 0,
    generation: 0,
    failures: 0,
    asksDrain: false,
  };
}

/** Wait before the first check: spread over the fast interval, so that a start or reload is no burst. */
export function firstCheckInMs(config: HealthConfig, random: number): number {
  return random * config.fastIntervalMs;
}

/** One event: the new state, what it was, and when to check next. Pure. */
export function step(state: CheckState, event: CheckEvent, config: HealthConfig): CheckOutcome {
  switch (event.kind) {
    case "result":
      if (event.generation !== state.generation) return { state, why: CheckStep.Late };
      return event.check.isOk
        ? passed({ ...state, asksDrain: event.asksDrain }, event.check, config, event.random)
        : failed(state, event.check, config, event.random);
    case "trouble":
      if (!state.isUp) return { state, why: CheckStep.Ignored };
      return {
        state: { ...state, doubtfulChecks: config.fall },
        why: CheckStep.Doubt,
        // At once, but a stream of failing exchanges may not become a stream of checks.
        nextCheckInMs: Math.max(0, config.fastIntervalMs - event.sinceCheckMs),
      };
    case "reconfigured":
      return {
        state: {
          ...state,
          streak: 0,
          failures: 0,
          doubtfulChecks: 0,
          generation: state.generation + 1,
        },
        why: CheckStep.Reconfigured,
        nextCheckInMs: firstCheckInMs(config, event.random),
      };
    default:
      return event satisfies never;
  }
}

function passed(state: CheckState, check: CheckView, config: HealthConfig, random: number): CheckOutcome {
  const doubtfulChecks = Math.max(0, state.doubtfulChecks - 1);
  const seen = { ...state, lastCheck: check, failures: 0, doubtfulChecks };
  if (state.isUp) {
    // The first passed check is not yet `rise` in a row, but it is better evidence than "initial".
    return settle({ ...seen, streak: 0, why: HealthWhy.Rise }, CheckStep.Confirmed, config, random);
  }
  const streak = state.streak + 1;
  // `initial: down` ends with the first check that passes: nothing has failed yet that would have to be outweighed.
  const isEnough = streak >= config.rise || (state.why === HealthWhy.Initial && state.failures === 0);
  if (!isEnough) return settle({ ...seen, streak }, CheckStep.Rising, config, random);
  return settle({ ...seen, isUp: true, streak: 0, why: HealthWhy.Rise }, CheckStep.RoseToUp, config, random);
}

function failed(state: CheckState, check: CheckView, config: HealthConfig, random: number): CheckOutcome {
  const failures = state.failures + 1;
  const doubtfulChecks = Math.max(0, state.doubtfulChecks - 1);
  const seen = { ...state, lastCheck: check, failures, doubtfulChecks };
  if (!state.isUp) {
    const why = failures >= config.fall ? HealthWhy.Fall : state.why;
    return settle({ ...seen, streak: 0, doubtfulChecks: 0, why }, CheckStep.Confirmed, config, random);
  }
  const streak = state.streak + 1;
  if (streak < config.fall) return settle({ ...seen, streak }, CheckStep.Falling, config, random);
  return settle(
    { ...seen, isUp: false, streak: 0, doubtfulChecks: 0, why: HealthWhy.Fall },
    CheckStep.FellToDown,
    config,
    random,
  );
}

function settle(state: CheckState, why: CheckStep, config: HealthConfig, random: number): CheckOutcome {
  const isFast = state.streak > 0 || state.doubtfulChecks > 0;
  const variedMs = (isFast ? config.fastIntervalMs : config.intervalMs) * (1 + config.jitter * (2 * random - 1));
  // Fast means from begin to begin: three checks that wait for their timeouts must not wait between them as well.
  const tookMs = isFast ? (state.lastCheck?.durationMs ?? 0) : 0;
  return { state, why, nextCheckInMs: Math.max(0, variedMs - tookMs) };
}

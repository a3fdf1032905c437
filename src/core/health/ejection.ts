import type { PassiveConfig } from "../../model/config.ts";
import { type TroubleCounts, TroubleSign } from "../../model/link.ts";

/**
 * What exchanges say about one endpoint, whatever its checks say. Enough failures within a time take it out for a while,
 * for longer each time; it comes back with the first check that passes after that.
 *
 *            `failures` within `within`, no more good answers than failures among them
 *   IN ──────────────────────────────────────────────────────────────────────────────> EJECTED
 *   IN <────────────────────────────────────────────────────────────────────────────── EJECTED
 *            a check passes, `eject` × 2ⁿ after the ejection at the earliest
 */
export interface EjectionState {
  /** Reports of failures, oldest first; as many as failures are needed. */
  readonly marks: readonly FailureMark[];
  /** Present while it is ejected. */
  readonly ejected?: Ejected;
  /** Ejections in a row; they are forgotten when the endpoint was in for `ejectMax`. */
  readonly ejections: number;
  /** Monotonic; when the last ejection ended, -Infinity before the first. */
  readonly backSinceMs: number;
}

export interface Ejected {
  /** Monotonic; from then on a check that passes ends it. */
  readonly untilMs: number;
  readonly durationMs: number;
  /** What was seen, for the reason's text. */
  readonly counts: TroubleCounts;
}

interface FailureMark {
  readonly atMs: number;
  readonly counts: TroubleCounts;
  /** Good answers of the endpoint up to then, since the instance started. */
  readonly goodAnswers: number;
}

export type EjectionEvent =
  | {
      readonly kind: "trouble";
      readonly nowMs: number;
      readonly counts: TroubleCounts;
      /** Answers below 500 since the instance started, over all workers. */
      readonly goodAnswers: number;
      /** Endpoints of the pool, and those of them that are not UP. */
      readonly pool: { readonly size: number; readonly out: number };
    }
  | { readonly kind: "check-passed"; readonly nowMs: number };

export const EjectionStep = {
  Ejected: "ejected",
  /** Only answers of class 5xx speak against it, and too many of its pool are out already. */
  TooManyOut: "too-many-out",
  Counted: "counted",
  Returned: "returned",
  /** Nothing that counts, or it is out already. */
  Ignored: "ignored",
} as const;
export type EjectionStep = (typeof EjectionStep)[keyof typeof EjectionStep];

export const notEjected: EjectionState = { marks: [], ejections: 0, backSinceMs: -Infinity };

/** One event. Pure. After `Ejected` the caller sees to it that a check begins at `ejected.untilMs`. */
export function ejectionStep(
  state: EjectionState,
  event: EjectionEvent,
  config: PassiveConfig,
): { readonly state: EjectionState; readonly why: EjectionStep } {
  if (event.kind === "check-passed") {
    if (state.ejected === undefined || event.nowMs < state.ejected.untilMs) return { state, why: EjectionStep.Ignored };
    return {
      state: { marks: [], ejections: state.ejections, backSinceMs: event.nowMs },
      why: EjectionStep.Returned,
    };
  }
  if (state.ejected !== undefined || failuresOf(event.counts) === 0) return { state, why: EjectionStep.Ignored };
  const { nowMs, counts, goodAnswers } = event;
  const marks = [...state.marks, { atMs: nowMs, counts, goodAnswers }]
    .filter(({ atMs }) => nowMs - atMs < config.withinMs)
    .slice(-config.failures);
  const found = judge(marks, goodAnswers, config.failures);
  if (found === undefined) return { state: { ...state, marks }, why: EjectionStep.Counted };
  const { size, out } = event.pool;
  const isByStatus = hardFailuresOf(found) < config.failures;
  if (isByStatus && out + 1 > Math.floor(config.share * size))
    return { state: { ...state, marks }, why: EjectionStep.TooManyOut };
  const ejections = nowMs - state.backSinceMs >= config.ejectMaxMs ? 0 : state.ejections;
  const durationMs = Math.min(config.ejectMs * 2 ** ejections, config.ejectMaxMs);
  return {
    state: {
      marks: [],
      ejected: { untilMs: nowMs + durationMs, durationMs, counts: found },
      ejections: ejections + 1,
      backSinceMs: state.backSinceMs,
    },
    why: EjectionStep.Ejected,
  };
}

/**
 * What speaks against the endpoint: the shortest run of the latest marks with enough failures, of which no more good
 * answers came meanwhile, so that an endpoint that fails one request of a hundred stays in. Absent: not enough.
 */
function judge(marks: readonly FailureMark[], goodAnswers: number, failures: number): TroubleCounts | undefined {
  let sum: TroubleCounts = [0, 0, 0, 0, 0, 0];
  for (const mark of marks.toReversed()) {
    sum = sum.map((count, sign) => count + (mark.counts[sign] ?? 0)) as unknown as TroubleCounts; // of the same length
    const failed = failuresOf(sum);
    if (failed >= failures && goodAnswers - mark.goodAnswers <= failed) return sum;
  }
  return undefined;
}

/** An answer that is overdue may still come. */
function failuresOf(counts: TroubleCounts): number {
  return hardFailuresOf(counts) + counts[TroubleSign.Status5xx];
}

/** Those in which the endpoint gave no valid answer at all. */
function hardFailuresOf(counts: TroubleCounts): number {
  return (
    counts[TroubleSign.Connect] +
    counts[TroubleSign.Reset] +
    counts[TroubleSign.Timeout] +
    counts[TroubleSign.BadResponse]
  );
}

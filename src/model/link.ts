import type { EndpointState, Snapshot } from "./snapshot.ts";

/**
 * Messages between the supervisor and a worker: JSON, each behind a 4-byte big-endian length. The worker connects
 * (and connects again when the supervisor was replaced), says hello, and gets a welcome.
 *
 *   worker                         supervisor
 *     | hello ------------------------> |
 *     | <----------- welcome (snapshot, states)
 *     | ready ------------------------> |   listening
 *     | <---------------------- prepare |   a new revision is checked and compiled, not yet used
 *     | prepared ---------------------> |
 *     | <----------------------- commit |   every worker could prepare: swap
 *     | committed --------------------> |
 */
export type ToWorker =
  | {
      readonly kind: "welcome";
      readonly snapshot: Snapshot;
      readonly states: readonly EndpointRowState[];
    }
  | { readonly kind: "prepare"; readonly snapshot: Snapshot }
  | {
      readonly kind: "commit";
      readonly revision: number;
      readonly states: readonly EndpointRowState[];
    }
  | { readonly kind: "discard"; readonly revision: number }
  | { readonly kind: "states"; readonly states: readonly EndpointRowState[] }
  /** Stop accepting, finish what runs, leave after `drainMs` at the latest. */
  | { readonly kind: "drain"; readonly drainMs: number };

export type ToSupervisor =
  | {
      readonly kind: "hello";
      readonly index: number;
      readonly pid: number;
      readonly linkVersion: number;
    }
  | { readonly kind: "ready"; readonly revision: number }
  | { readonly kind: "prepared"; readonly revision: number }
  | { readonly kind: "refused"; readonly revision: number; readonly why: string }
  | { readonly kind: "committed"; readonly revision: number }
  /** What exchanges saw of an endpoint since the last such message about it; see `engine/worker/trouble.ts`. */
  | { readonly kind: "trouble"; readonly row: number; readonly counts: TroubleCounts }
  | {
      readonly kind: "log";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly code: string;
      readonly text: string;
    }
  | { readonly kind: "drained" };

/** row, state, and the weight that someone set at run time; absent: that of the configuration. */
export type EndpointRowState = readonly [number, EndpointState] | readonly [number, EndpointState, number];

export const TroubleSign = {
  Connect: 0,
  Reset: 1,
  Timeout: 2,
  BadResponse: 3,
  /** An answer of class 5xx, whether it was passed on or not. */
  Status5xx: 4,
  /** An answer is waited for longer than usual, and none has come meanwhile: a reason to check, no failure yet. */
  Overdue: 5,
} as const;
export type TroubleSign = (typeof TroubleSign)[keyof typeof TroubleSign];

/** How often each sign was seen, by its number. */
export type TroubleCounts = readonly [number, number, number, number, number, number];

/** Raised when a message changes its meaning; a worker of another version is replaced, not adopted. */
export const linkVersion = 2;

import type { RetryCondition } from "../../model/config.ts";
import { Failure } from "../../model/failure.ts";

/** Everything the decision depends on. */
export interface FailedAttempt {
  readonly failure: Failure;
  /** Status of the answer, for `StatusListed`. */
  readonly status: number;
  /** `write()` has taken at least one byte of this attempt. */
  readonly hasSentBytes: boolean;
  readonly isIdempotent: boolean;
  /** PUT or DELETE with a precondition: executed once, it fails the second time and the client would see that failure. */
  readonly isConditionalWrite: boolean;
  /** The whole request so far is still at hand. */
  readonly canReplay: boolean;
  readonly hasAnswered: boolean;
  /** Attempts made, this one included; free ones (nothing sent) not counted. */
  readonly attempts: number;
  readonly attemptsMax: number;
  /** Endpoints of the pool that this exchange has not tried. */
  readonly hasOtherEndpoint: boolean;
  /** The connection had carried an earlier exchange: its end may only mean that it was idle for too long. */
  readonly wasReused: boolean;
  readonly hasTime: boolean;
  readonly on: readonly RetryCondition[];
}

export const Retry = {
  No: 0,
  /** At another endpoint. */
  Other: 1,
  /** At the same endpoint over a fresh connection: there is no other, and the old connection may just have been stale. */
  SameFresh: 2,
} as const;
export type Retry = (typeof Retry)[keyof typeof Retry];

/** Reason of a decision, in the order in which they are looked at. */
export const RetryWhy = {
  AlreadyAnswered: 0,
  OutOfTime: 1,
  NothingSent: 2,
  NothingSentNoEndpointLeft: 3,
  NotIdempotent: 4,
  ConditionalWrite: 5,
  BodyNotKept: 6,
  NotListed: 7,
  AttemptsUsedUp: 8,
  StaleConnection: 9,
  Idempotent: 10,
  NoOtherEndpoint: 11,
  EndpointDown: 12,
} as const;
export type RetryWhy = (typeof RetryWhy)[keyof typeof RetryWhy];

export interface RetryDecision {
  readonly retry: Retry;
  readonly why: RetryWhy;
  /** It must be paid for from the pool's retry budget. */
  readonly isPaid: boolean;
}

/**
 * Whether a failed attempt is followed by another. The rule that stands above all: a request that is not idempotent never
 * goes out twice once `write()` has taken a byte of it (RFC 9110 §9.2.2).
 */
export function decideRetry(attempt: FailedAttempt): RetryDecision {
  const no = (why: RetryWhy): RetryDecision => ({ retry: Retry.No, why, isPaid: false });
  if (attempt.hasAnswered) return no(RetryWhy.AlreadyAnswered);
  if (!attempt.hasTime) return no(RetryWhy.OutOfTime);
  if (!attempt.hasSentBytes) {
    if (attempt.hasOtherEndpoint) return { retry: Retry.Other, why: RetryWhy.NothingSent, isPaid: false };
    if (attempt.wasReused) return { retry: Retry.SameFresh, why: RetryWhy.StaleConnection, isPaid: false };
    return no(RetryWhy.NothingSentNoEndpointLeft);
  }
  if (!attempt.isIdempotent) return no(RetryWhy.NotIdempotent);
  if (attempt.isConditionalWrite) return no(RetryWhy.ConditionalWrite);
  if (!attempt.canReplay) return no(RetryWhy.BodyNotKept);
  if (!isListed(attempt)) return no(RetryWhy.NotListed);
  if (attempt.attempts >= attempt.attemptsMax) return no(RetryWhy.AttemptsUsedUp);
  if (attempt.failure === Failure.EndpointDown) {
    // Not paid: the load does not grow, because the endpoint that is left does none of the work, and it happens once for
    // each time it goes DOWN. What waits there may be more than any budget holds.
    return attempt.hasOtherEndpoint
      ? { retry: Retry.Other, why: RetryWhy.EndpointDown, isPaid: false }
      : no(RetryWhy.NoOtherEndpoint);
  }
  if (attempt.hasOtherEndpoint) return { retry: Retry.Other, why: RetryWhy.Idempotent, isPaid: true };
  if (attempt.wasReused && isConnectionLoss(attempt.failure))
    return { retry: Retry.SameFresh, why: RetryWhy.StaleConnection, isPaid: true };
  return no(RetryWhy.NoOtherEndpoint);
}

function isConnectionLoss(failure: Failure): boolean {
  return failure === Failure.ResetBeforeResponse || failure === Failure.EndBeforeResponse;
}

function isListed(attempt: FailedAttempt): boolean {
  switch (attempt.failure) {
    case Failure.ResetBeforeResponse:
    case Failure.EndBeforeResponse:
    case Failure.BadResponse:
      return attempt.on.includes("reset");
    case Failure.AttemptTimeout:
    case Failure.EndpointDown:
      return attempt.on.includes("timeout");
    case Failure.StatusListed:
      return attempt.on.includes(attempt.status);
    default:
      return false;
  }
}

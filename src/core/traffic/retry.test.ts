import { describe, expect, test } from "bun:test";
import { Failure } from "../../model/failure.ts";
import { decideRetry, type FailedAttempt, Retry, RetryWhy } from "./retry.ts";

/** A GET that was sent and reset, with another endpoint at hand. */
const reset: FailedAttempt = {
  failure: Failure.ResetBeforeResponse,
  status: 0,
  hasSentBytes: true,
  isIdempotent: true,
  isConditionalWrite: false,
  canReplay: true,
  hasAnswered: false,
  attempts: 1,
  attemptsMax: 3,
  hasOtherEndpoint: true,
  wasReused: false,
  hasTime: true,
  on: ["connect", "reset", "timeout", 502, 503, 504],
};
const refused = { ...reset, failure: Failure.ConnectRefused, hasSentBytes: false };
const down = { ...reset, failure: Failure.EndpointDown };
const listed = { ...reset, failure: Failure.StatusListed, status: 503 };

const { No, Other, SameFresh } = Retry;
const rows: readonly (readonly [string, FailedAttempt, Retry, RetryWhy, paid?: "paid"])[] = [
  ["a reset GET is tried elsewhere, paid", reset, Other, RetryWhy.Idempotent, "paid"],
  ["not after a byte of the answer", { ...reset, hasAnswered: true }, No, RetryWhy.AlreadyAnswered],
  ["not past the deadline", { ...reset, hasTime: false }, No, RetryWhy.OutOfTime],
  ["a POST that was sent never", { ...reset, isIdempotent: false }, No, RetryWhy.NotIdempotent],
  ["a conditional PUT never", { ...reset, isConditionalWrite: true }, No, RetryWhy.ConditionalWrite],
  ["a body that is gone", { ...reset, canReplay: false }, No, RetryWhy.BodyNotKept],
  ["what is not listed", { ...reset, on: ["connect", 503] }, No, RetryWhy.NotListed],
  ["the last attempt but one", { ...reset, attempts: 2 }, Other, RetryWhy.Idempotent, "paid"],
  ["the last attempt", { ...reset, attempts: 3 }, No, RetryWhy.AttemptsUsedUp],
  ["attempts 1", { ...reset, attemptsMax: 1 }, No, RetryWhy.AttemptsUsedUp],
  ["nobody else", { ...reset, hasOtherEndpoint: false }, No, RetryWhy.NoOtherEndpoint],
  [
    "nobody else, and the connection may have been stale",
    { ...reset, hasOtherEndpoint: false, wasReused: true },
    SameFresh,
    RetryWhy.StaleConnection,
    "paid",
  ],
  ["refused: free, for any method", { ...refused, isIdempotent: false }, Other, RetryWhy.NothingSent],
  ["refused: free, whatever is listed", { ...refused, on: [] }, Other, RetryWhy.NothingSent],
  ["refused: attempts do not count", { ...refused, attempts: 9 }, Other, RetryWhy.NothingSent],
  ["refused by all", { ...refused, hasOtherEndpoint: false }, No, RetryWhy.NothingSentNoEndpointLeft],
  ["a listed status", listed, Other, RetryWhy.Idempotent, "paid"],
  ["a status that is not listed", { ...listed, status: 500 }, No, RetryWhy.NotListed],
  ["an attempt that took too long", { ...reset, failure: Failure.AttemptTimeout }, Other, RetryWhy.Idempotent, "paid"],
  ["a response that took too long is the end", { ...reset, failure: Failure.ResponseTimeout }, No, RetryWhy.NotListed],

  ["the endpoint went DOWN: a waiting GET moves, unpaid", down, Other, RetryWhy.EndpointDown],
  ["a POST waits on: it may be running", { ...down, isIdempotent: false }, No, RetryWhy.NotIdempotent],
  [
    "a POST that is still connecting moves",
    { ...down, isIdempotent: false, hasSentBytes: false },
    Other,
    RetryWhy.NothingSent,
  ],
  ["a conditional DELETE waits on", { ...down, isConditionalWrite: true }, No, RetryWhy.ConditionalWrite],
  ["a body that is gone waits on", { ...down, canReplay: false }, No, RetryWhy.BodyNotKept],
  ["after a byte of the answer nothing moves", { ...down, hasAnswered: true }, No, RetryWhy.AlreadyAnswered],
  ["without timeout in the list nothing moves", { ...down, on: ["reset"] }, No, RetryWhy.NotListed],
  ["attempts 1: nothing moves", { ...down, attemptsMax: 1 }, No, RetryWhy.AttemptsUsedUp],
  [
    "nobody else: it waits on, also where its connection was used before",
    { ...down, hasOtherEndpoint: false, wasReused: true },
    No,
    RetryWhy.NoOtherEndpoint,
  ],
];

describe("retry", () => {
  for (const [name, attempt, retry, why, paid] of rows) {
    test(name, () => expect(decideRetry(attempt)).toEqual({ retry, why, isPaid: paid === "paid" }));
  }
});

import { describe, expect, test } from "bun:test";
import { Failure } from "../../model/failure.ts";
import { decideRetry, type FailedAttempt, isRetry, Retry, RetryWhy, retryWhyCode } from "./retry.ts";

/** An idempotent request, sent and lost on a fresh connection; another endpoint is there, and attempts are left. */
const lost: FailedAttempt = {
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
const post = { isIdempotent: false, canReplay: false };
const unsent = { hasSentBytes: false, attempts: 0, failure: Failure.ConnectRefused };

type Row = readonly [name: string, change: Partial<FailedAttempt>, retry: Retry, why: RetryWhy, isPaid?: boolean];

function table(title: string, rows: readonly Row[]): void {
  describe(title, () => {
    test.each(rows.map((row) => [row[0], row] as const))("%s", (_, [, change, retry, why, isPaid = false]) => {
      expect(decideRetry({ ...lost, ...change })).toEqual({ retry, why, isPaid });
    });
  });
}

table("DESIGN 7.2: no byte was accepted by write()", [
  ["a refused connect is free", unsent, Retry.Other, RetryWhy.NothingSent],
  ["a connect that took too long", { ...unsent, failure: Failure.ConnectTimeout }, Retry.Other, RetryWhy.NothingSent],
  ["a connect that failed", { ...unsent, failure: Failure.ConnectFailed }, Retry.Other, RetryWhy.NothingSent],
  ["a connection that took no byte", { ...unsent, failure: Failure.SendRefused }, Retry.Other, RetryWhy.NothingSent],
  ["a reset", { ...unsent, failure: Failure.ResetBeforeResponse }, Retry.Other, RetryWhy.NothingSent],
  ["an end", { ...unsent, failure: Failure.EndBeforeResponse }, Retry.Other, RetryWhy.NothingSent],
  ["any method: POST", { ...unsent, isIdempotent: false }, Retry.Other, RetryWhy.NothingSent],
  ["conditional writes, too", { ...unsent, isConditionalWrite: true }, Retry.Other, RetryWhy.NothingSent],
  ["whatever `on` lists", { ...unsent, on: [] }, Retry.Other, RetryWhy.NothingSent],
  ["with every attempt used up", { ...unsent, attempts: 3 }, Retry.Other, RetryWhy.NothingSent],
  ["until the deadline", { ...unsent, hasTime: false }, Retry.No, RetryWhy.OutOfTime],
  [
    "every other endpoint, and then no more",
    { ...unsent, hasOtherEndpoint: false },
    Retry.No,
    RetryWhy.NothingSentNoEndpointLeft,
  ],
  [
    "a stale connection to the only endpoint: once more over a fresh one",
    { ...unsent, failure: Failure.ResetBeforeResponse, wasReused: true, hasOtherEndpoint: false },
    Retry.SameFresh,
    RetryWhy.StaleConnection,
  ],
  ["half a request is never sent anywhere", { ...unsent, canReplay: false }, Retry.No, RetryWhy.BodyNotKept],
]);

table("DESIGN 7.2: after a byte was accepted", [
  ["a reset before the answer", {}, Retry.Other, RetryWhy.Idempotent, true],
  ["an end before the answer", { failure: Failure.EndBeforeResponse }, Retry.Other, RetryWhy.Idempotent, true],
  ["an answer that is no HTTP", { failure: Failure.BadResponse }, Retry.Other, RetryWhy.Idempotent, true],
  ["attemptTimeout", { failure: Failure.AttemptTimeout }, Retry.Other, RetryWhy.Idempotent, true],
  ["a listed status", { failure: Failure.StatusListed, status: 503 }, Retry.Other, RetryWhy.Idempotent, true],
  ["a status that is not listed", { failure: Failure.StatusListed, status: 500 }, Retry.No, RetryWhy.NotListed],
  ["the response time-out is the end", { failure: Failure.ResponseTimeout }, Retry.No, RetryWhy.NotListed],
  ["reset is not listed", { on: ["connect", "timeout"] }, Retry.No, RetryWhy.NotListed],
  [
    "timeout is not listed",
    { failure: Failure.AttemptTimeout, on: ["connect", "reset"] },
    Retry.No,
    RetryWhy.NotListed,
  ],
  ["a POST never goes out twice", post, Retry.No, RetryWhy.NotIdempotent],
  ["not over a stale connection either", { ...post, wasReused: true }, Retry.No, RetryWhy.NotIdempotent],
  [
    "a POST after a listed status",
    { ...post, failure: Failure.StatusListed, status: 503 },
    Retry.No,
    RetryWhy.NotIdempotent,
  ],
  ["a POST after attemptTimeout", { ...post, failure: Failure.AttemptTimeout }, Retry.No, RetryWhy.NotIdempotent],
  ["a conditional PUT or DELETE", { isConditionalWrite: true }, Retry.No, RetryWhy.ConditionalWrite],
  ["a body that was not kept", { canReplay: false }, Retry.No, RetryWhy.BodyNotKept],
  ["the last attempt but one", { attempts: 2 }, Retry.Other, RetryWhy.Idempotent, true],
  ["the last attempt", { attempts: 3 }, Retry.No, RetryWhy.AttemptsUsedUp],
  ["attempts: 1", { attemptsMax: 1 }, Retry.No, RetryWhy.AttemptsUsedUp],
  ["no time left", { hasTime: false }, Retry.No, RetryWhy.OutOfTime],
  ["no other endpoint", { hasOtherEndpoint: false }, Retry.No, RetryWhy.NoOtherEndpoint],
  [
    "no other endpoint, but the connection may only have been stale",
    { hasOtherEndpoint: false, wasReused: true },
    Retry.SameFresh,
    RetryWhy.StaleConnection,
    true,
  ],
  [
    "a slow answer says nothing about the connection",
    { hasOtherEndpoint: false, wasReused: true, failure: Failure.AttemptTimeout },
    Retry.No,
    RetryWhy.NoOtherEndpoint,
  ],
]);

const down = { failure: Failure.EndpointDown };

table("DESIGN 7.2: the endpoint went DOWN while the exchange waits there", [
  ["a GET moves, unpaid", down, Retry.Other, RetryWhy.EndpointDown],
  ["a POST waits on: it may be running", { ...down, ...post }, Retry.No, RetryWhy.NotIdempotent],
  [
    "a POST that is still connecting moves",
    { ...down, isIdempotent: false, hasSentBytes: false },
    Retry.Other,
    RetryWhy.NothingSent,
  ],
  ["a conditional DELETE waits on", { ...down, isConditionalWrite: true }, Retry.No, RetryWhy.ConditionalWrite],
  ["a body that is gone waits on", { ...down, canReplay: false }, Retry.No, RetryWhy.BodyNotKept],
  ["after a byte of the answer nothing moves", { ...down, hasAnswered: true }, Retry.No, RetryWhy.AlreadyAnswered],
  ["without timeout in the list nothing moves", { ...down, on: ["reset"] }, Retry.No, RetryWhy.NotListed],
  ["attempts 1: nothing moves", { ...down, attemptsMax: 1 }, Retry.No, RetryWhy.AttemptsUsedUp],
  [
    "nobody else: it waits on, also where its connection was used before",
    { ...down, hasOtherEndpoint: false, wasReused: true },
    Retry.No,
    RetryWhy.NoOtherEndpoint,
  ],
]);

table("DESIGN 7.2: never after a byte of the answer went to the client", [
  ["sent", { hasAnswered: true }, Retry.No, RetryWhy.AlreadyAnswered],
  [
    "an interim answer was passed on, and nothing of the request taken",
    { ...unsent, hasAnswered: true },
    Retry.No,
    RetryWhy.AlreadyAnswered,
  ],
]);

test("whatever else holds: a request that is not idempotent and was sent is never tried again, nor an answered one", () => {
  const booleans = [false, true];
  let looked = 0;
  for (const failure of Object.values(Failure))
    for (const hasOtherEndpoint of booleans)
      for (const wasReused of booleans)
        for (const canReplay of booleans)
          for (const hasTime of booleans) {
            const rest = { ...lost, failure, status: 503, hasOtherEndpoint, wasReused, canReplay, hasTime };
            expect(decideRetry({ ...rest, isIdempotent: false }).retry).toBe(Retry.No);
            expect(decideRetry({ ...rest, hasAnswered: true }).retry).toBe(Retry.No);
            expect(decideRetry({ ...rest, hasAnswered: true, hasSentBytes: false }).retry).toBe(Retry.No);
            looked++;
          }
  expect(looked).toBeGreaterThan(300);
});

test("every reason has a name of its own, and says whether an attempt follows", () => {
  expect(new Set(retryWhyCode).size).toBe(Object.keys(RetryWhy).length);
  expect(Object.values(RetryWhy).toSorted((a, b) => a - b)).toEqual(retryWhyCode.map((_, why) => why as RetryWhy));
  for (const change of [{}, unsent, post, down, { hasTime: false }, { attempts: 3 }]) {
    const { retry, why } = decideRetry({ ...lost, ...change });
    expect(isRetry(why)).toBe(retry !== Retry.No);
  }
});

/**
 * How an attempt or an exchange failed: stage × side. Stored on the exchange as a number; texts stand in one table.
 * Whether it may be tried again is decided by `core/traffic/retry.ts`.
 */
export const Failure = {
  None: 0,

  // The attempt, before the endpoint took a byte.
  ConnectRefused: 1,
  ConnectTimeout: 2,
  ConnectFailed: 3,
  SendRefused: 4,

  // The attempt, after bytes were taken, before a response byte went to the client.
  ResetBeforeResponse: 10,
  EndBeforeResponse: 11,
  AttemptTimeout: 12,
  ResponseTimeout: 13,
  BadResponse: 14,
  StatusListed: 15,
  EndpointDown: 16,

  // The response, after its head went to the client.
  ResponseReset: 20,
  ResponseCut: 21,
  ResponseStalled: 22,
  BadResponseBody: 23,

  // The client.
  ClientGone: 30,
  ClientReset: 31,
  HeadTimeout: 32,
  BodyTimeout: 33,
  BodyTooSlow: 34,
  WriteTimeout: 35,
  Refused: 36,

  // Us.
  NoRoute: 40,
  NoEndpoint: 41,
  TotalTimeout: 42,
  Draining: 43,
  TooManyConnections: 44,
} as const;
export type Failure = (typeof Failure)[keyof typeof Failure];

interface FailureText {
  /** What the client is told; 0 = nothing, the connection only ends. */
  readonly status: number;
  readonly code: string;
  readonly text: string;
}

const texts: Readonly<Record<Failure, FailureText>> = {
  [Failure.None]: { status: 0, code: "none", text: "" },
  [Failure.ConnectRefused]: {
    status: 502,
    code: "connect-refused",
    text: "the endpoint refused the connection",
  },
  [Failure.ConnectTimeout]: {
    status: 504,
    code: "connect-timeout",
    text: "the endpoint did not accept the connection in time",
  },
  [Failure.ConnectFailed]: {
    status: 502,
    code: "connect-failed",
    text: "the connection to the endpoint failed",
  },
  [Failure.SendRefused]: {
    status: 502,
    code: "send-refused",
    text: "the endpoint closed before it took a byte",
  },
  [Failure.ResetBeforeResponse]: {
    status: 502,
    code: "reset-before-response",
    text: "the endpoint reset the connection before it answered",
  },
  [Failure.EndBeforeResponse]: {
    status: 502,
    code: "end-before-response",
    text: "the endpoint closed the connection before it answered",
  },
  [Failure.AttemptTimeout]: {
    status: 504,
    code: "attempt-timeout",
    text: "the attempt took too long",
  },
  [Failure.ResponseTimeout]: {
    status: 504,
    code: "response-timeout",
    text: "the endpoint did not answer in time",
  },
  [Failure.BadResponse]: {
    status: 502,
    code: "bad-response",
    text: "the endpoint's answer is not valid HTTP",
  },
  [Failure.StatusListed]: {
    status: 0,
    code: "status-listed",
    text: "the endpoint answered with a status that is retried",
  },
  [Failure.EndpointDown]: {
    status: 502,
    code: "endpoint-down",
    text: "the endpoint went down before it answered",
  },
  [Failure.ResponseReset]: {
    status: 0,
    code: "response-reset",
    text: "the endpoint reset the connection in mid-response",
  },
  [Failure.ResponseCut]: {
    status: 0,
    code: "response-cut",
    text: "the endpoint ended its response too early",
  },
  [Failure.ResponseStalled]: {
    status: 0,
    code: "response-stalled",
    text: "the endpoint stopped in mid-response",
  },
  [Failure.BadResponseBody]: {
    status: 0,
    code: "bad-response-body",
    text: "the endpoint's body is malformed",
  },
  [Failure.ClientGone]: {
    status: 0,
    code: "client-gone",
    text: "the client left before the answer",
  },
  [Failure.ClientReset]: {
    status: 0,
    code: "client-reset",
    text: "the client reset the connection",
  },
  [Failure.HeadTimeout]: {
    status: 408,
    code: "head-timeout",
    text: "the request head did not arrive in time",
  },
  [Failure.BodyTimeout]: {
    status: 408,
    code: "body-timeout",
    text: "the request body stopped arriving",
  },
  [Failure.BodyTooSlow]: {
    status: 408,
    code: "body-too-slow",
    text: "the request body arrived too slowly",
  },
  [Failure.WriteTimeout]: {
    status: 0,
    code: "write-timeout",
    text: "the client took no data for too long",
  },
  [Failure.Refused]: { status: 400, code: "refused", text: "the request is not valid" },
  [Failure.NoRoute]: { status: 404, code: "no-route", text: "no route matches" },
  [Failure.NoEndpoint]: {
    status: 503,
    code: "no-endpoint",
    text: "no endpoint may be used: all are in DRAIN or MAINT, have weight 0 or no address",
  },
  [Failure.TotalTimeout]: { status: 504, code: "total-timeout", text: "the request took too long" },
  [Failure.Draining]: { status: 503, code: "draining", text: "the balancer is stopping" },
  [Failure.TooManyConnections]: {
    status: 503,
    code: "too-many-connections",
    text: "too many connections",
  },
};

/** Status for the client, 0 where only the end of the connection can tell. */
export function failureStatus(failure: Failure): number {
  return texts[failure].status;
}

/** Stable name for logs, metrics and tests. */
export function failureCode(failure: Failure): string {
  return texts[failure].code;
}

export function failureText(failure: Failure): string {
  return texts[failure].text;
}

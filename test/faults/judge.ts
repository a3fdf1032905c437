import type { ClientReport, FailureKind, Pause } from "./records.ts";

/** What one fault did to the clients of one balancer. */
export interface Outcome {
  readonly gets: number;
  readonly getsFailed: number;
  /** Of a client that tries once more after a failure. */
  readonly getsFailedAgain: number;
  /** GETs that endpoints executed more than once. */
  readonly getsTwice: number;
  readonly posts: number;
  readonly postsFailed: number;
  readonly postsTwice: number;
  /** Told that it was done, and it was not. */
  readonly postsLost: number;
  /** Told that it failed, and it was done: must be few, cannot always be none. */
  readonly postsFailedButDone: number;
  /** Longest time without any success from the fault to the end of the row, without the client's own pauses. */
  readonly stallMs: number;
  /** Longest time that a successful GET took, without the client's own pauses. */
  readonly slowestMs: number;
  /** From the first to the last GET that failed. */
  readonly failureSpanMs: number;
  readonly kinds: Readonly<Partial<Record<FailureKind, number>>>;
  /** Longest time in which the client did not run. */
  readonly clientPauseMs: number;
}

export interface Window {
  /** Monitored from the moment in which the fault begins until it is healed and a while has passed. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** `executed`: the endpoints' logs as `METHOD id`, lines of other runs included. */
export function judge(report: ClientReport, executed: readonly string[], window: Window): Outcome {
  const times = new Map<string, number>();
  for (const line of executed) times.set(line, (times.get(line) ?? 0) + 1);
  const count = (method: string, id: string): number => times.get(`${method} ${id}`) ?? 0;

  const gets = report.requests.filter((one) => one.method === "GET");
  const posts = report.requests.filter((one) => one.method === "POST");
  const failed = gets.filter((one) => one.failure !== undefined);
  const failedTimes = failed.map((one) => one.startMs);
  const kinds: Partial<Record<FailureKind, number>> = {};
  for (const { failure } of report.requests) if (failure !== undefined) kinds[failure] = (kinds[failure] ?? 0) + 1;
  const answered = report.requests.filter((one) => one.failure === undefined);
  return {
    gets: gets.length,
    getsFailed: failed.length,
    getsFailedAgain: failed.filter((one) => one.failedAgain).length,
    getsTwice: gets.filter((one) => count("GET", one.id) > 1).length,
    posts: posts.length,
    postsFailed: posts.filter((one) => one.failure !== undefined).length,
    postsTwice: posts.filter((one) => count("POST", one.id) > 1).length,
    postsLost: posts.filter((one) => one.failure === undefined && count("POST", one.id) === 0).length,
    postsFailedButDone: posts.filter((one) => one.failure !== undefined && count("POST", one.id) > 0).length,
    stallMs: longestGap(
      answered.map((one) => one.endMs),
      window,
      report.pauses,
    ),
    slowestMs: longest(
      answered
        .filter((one) => one.method === "GET" && one.endMs >= window.fromMs && one.startMs <= window.toMs)
        .map((one) => awakeMs(one.startMs, one.endMs, report.pauses)),
    ),
    failureSpanMs: failedTimes.length === 0 ? 0 : longest(failedTimes) - Math.min(...failedTimes),
    kinds,
    clientPauseMs: longest(report.pauses.map((one) => one.toMs - one.fromMs)),
  };
}

function longestGap(successes: readonly number[], { fromMs, toMs }: Window, pauses: readonly Pause[]): number {
  const inside = successes.filter((at) => at > fromMs && at < toMs).sort((a, b) => a - b);
  let last = fromMs;
  let most = 0;
  for (const at of [...inside, toMs]) {
    most = Math.max(most, awakeMs(last, at, pauses));
    last = at;
  }
  return most;
}

/** Length of a time, without what the client slept of it. */
function awakeMs(fromMs: number, toMs: number, pauses: readonly Pause[]): number {
  let asleepMs = 0;
  for (const pause of pauses) {
    asleepMs += Math.max(0, Math.min(toMs, pause.toMs) - Math.max(fromMs, pause.fromMs));
  }
  return toMs - fromMs - asleepMs;
}

function longest(values: readonly number[]): number {
  let most = 0;
  for (const value of values) most = Math.max(most, value);
  return most;
}

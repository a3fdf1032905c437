/** What the client of the failure table saw of one request. Times are milliseconds of the wall clock with fractions. */
export interface RequestRecord {
  readonly id: string;
  readonly method: "GET" | "POST";
  /** Over a connection that is kept, or a new one. */
  readonly isKept: boolean;
  readonly startMs: number;
  readonly endMs: number;
  /** 0 where no answer came. */
  readonly status: number;
  readonly failure: FailureKind | undefined;
  /** GET only: a second try, made at once after a failure, failed as well. */
  readonly failedAgain: boolean;
}

export type FailureKind =
  | "refused"
  | "reset"
  /** The connection ended before a byte of the answer came. */
  | "closed"
  /** The answer broke off. */
  | "cut"
  | "status"
  /** Not the answer to this request. */
  | "wrong"
  /** The client's patience ended. */
  | "late";

/** A time in which the client's process did not run: nothing it then missed says anything about a balancer. */
export interface Pause {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface ClientReport {
  readonly requests: readonly RequestRecord[];
  readonly pauses: readonly Pause[];
}

export interface ClientPlan {
  readonly host: string;
  readonly port: number;
  /** First part of every id. */
  readonly prefix: string;
  readonly getsPerSecond: number;
  readonly postsPerSecond: number;
  /** How long a request may take before the client gives up. */
  readonly patienceMs: number;
  /** Where the report goes. */
  readonly file: string;
}

/** The wall clock with fractions of a millisecond, the same for all processes of a machine. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}

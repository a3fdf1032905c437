/**
 * The configuration as the user meant it: every default filled in, every unit resolved, names still names.
 * Made only by `core/config`; everything after it may trust these values. Durations are milliseconds (0 = off
 * unless said otherwise), sizes are bytes, rates are per second, shares are fractions 0..1.
 */
export interface Config {
  readonly listeners: readonly ListenerConfig[];
  readonly pools: readonly PoolConfig[];
  readonly admin: AdminConfig;
  readonly process: ProcessConfig;
  readonly log: LogConfig;
}

/** An address to listen on. `host` is an IP literal, or `*` for every IPv4 and IPv6 address; port 0 = any free one. */
export interface BindAddress {
  readonly host: string;
  readonly port: number;
}

export interface ListenerConfig {
  readonly name: string;
  readonly bind: readonly BindAddress[];
  readonly protocol: "http";
  /** The pool where no route matches; absent: such requests get 404. */
  readonly pool?: string;
  /** CIDRs (or single addresses) whose forwarded headers and request ids are believed. */
  readonly trust: readonly string[];
  readonly limits: ListenerLimits;
  readonly timeouts: ListenerTimeouts;
  readonly forward: ForwardConfig;
  /** What happens to request header names with `_`, which WSGI servers confuse with `-`. */
  readonly underscores: "drop" | "pass";
  /** Whether a client's FIN after a complete request still waits for the answer (false: the client counts as gone). */
  readonly halfClose: boolean;
  readonly routes: readonly RouteConfig[];
}

export interface ListenerLimits {
  readonly connections: number;
  /** Request line and header section together. */
  readonly headBytes: number;
  readonly headers: number;
  readonly targetBytes: number;
  /** Absent: unlimited. */
  readonly bodyBytes?: number;
}

export interface ListenerTimeouts {
  /** From the first byte of a head to its last. */
  readonly headMs: number;
  /** Between two requests on a connection, and before the first. */
  readonly idleMs: number;
  /** Longest silence while a request body is awaited. */
  readonly bodyMs: number;
  /** Least average rate of a request body, bytes per second, judged after `bodyMs`. */
  readonly minRate: number;
  /** Longest time in which a client that has data to read takes none of it. */
  readonly writeMs: number;
}

/** Which header fields the balancer adds to requests. */
export interface ForwardConfig {
  /** X-Forwarded-For, -Proto, -Host and -Port. */
  readonly xForwarded: boolean;
  /** RFC 7239 `Forwarded`. */
  readonly forwarded: boolean;
  /** X-Request-Id. */
  readonly requestId: boolean;
  /** W3C traceparent: a valid one is passed on, else one is started. */
  readonly traceContext: boolean;
}

export interface RouteConfig {
  readonly match: RouteMatch;
  readonly pool: string;
}

/** Every part that is present must match. */
export interface RouteMatch {
  /** Host names without port, lower case. */
  readonly host?: readonly string[];
  readonly path?: PathMatch;
  /** Upper case method names. */
  readonly method?: readonly string[];
  readonly headers?: readonly HeaderMatch[];
}

/** The prefix `/v2/` matches `/v2` and `/v2/x`; `/v2` matches `/v2` and `/v2/x`, never `/v2x`. */
export type PathMatch =
  | { readonly kind: "prefix"; readonly path: string }
  | { readonly kind: "exact"; readonly path: string };

export interface HeaderMatch {
  /** Lower case. */
  readonly name: string;
  /** Absent: the field must only be there. */
  readonly value?: string;
}

export interface PoolConfig {
  readonly name: string;
  readonly balance: BalanceConfig;
  readonly endpoints: readonly EndpointConfig[];
  /** Absent: no active checks, endpoints count as UP. */
  readonly health?: HealthConfig;
  /** Time in which an endpoint that came UP again gets to all of its weight; 0 = at once. */
  readonly slowStartMs: number;
  readonly retry: RetryConfig;
  readonly timeouts: PoolTimeouts;
  /** Whether connections to endpoints are used for more than one request. */
  readonly reuse: boolean;
}

export type BalanceConfig =
  | { readonly kind: "round-robin" | "least-requests" | "source" | "peak-ewma" | "first" }
  | {
      readonly kind: "random";
      /** Endpoints that are drawn, from 1. */
      readonly choices: number;
    }
  | { readonly kind: "hash"; readonly by: HashBy };

/** What requests with the same endpoint have in common. Header names are lower case. */
export type HashBy =
  | { readonly from: "header" | "cookie" | "query"; readonly name: string }
  | { readonly from: "path" };

export interface EndpointConfig {
  /** As in commands and status: the given name, else the address as written. */
  readonly name: string;
  /** Host name or IP literal (without brackets). */
  readonly host: string;
  readonly port: number;
  /** 0..256; 0 takes no new requests. */
  readonly weight: number;
  readonly backup: boolean;
}

export interface HealthConfig {
  readonly check: HealthCheckConfig;
  readonly intervalMs: number;
  readonly fastIntervalMs: number;
  readonly timeoutMs: number;
  readonly rise: number;
  readonly fall: number;
  /** Fraction of the interval by which each wait is varied, to both sides. */
  readonly jitter: number;
  readonly initial: "up" | "down";
  /** Absent: exchanges eject nobody. */
  readonly passive?: PassiveConfig;
}

/** Ejection of endpoints where exchanges fail. */
export interface PassiveConfig {
  readonly failures: number;
  readonly withinMs: number;
  /** The first time; each further time in a row twice as long. */
  readonly ejectMs: number;
  readonly ejectMaxMs: number;
  /** Largest fraction of a pool that may be out for answers of class 5xx to eject another one. */
  readonly share: number;
}

export interface StatusRange {
  readonly from: number;
  /** Included. */
  readonly to: number;
}

export type HealthCheckConfig =
  | { readonly kind: "tcp"; readonly port?: number }
  | {
      readonly kind: "http";
      readonly method: string;
      readonly path: string;
      /** Value of the Host field; absent: the endpoint's address as written. */
      readonly host?: string;
      /** Absent: the endpoint's own port. */
      readonly port?: number;
      readonly headers: readonly { readonly name: string; readonly value: string }[];
      readonly expect: {
        /** Inclusive ranges; one matching is enough. */
        readonly status: readonly StatusRange[];
        /** Text that must occur in the first 64 KiB of the body. */
        readonly body?: string;
        /** The answer with which an endpoint asks to be drained; absent: there is none. */
        readonly drain?: { readonly status: readonly StatusRange[]; readonly body?: string };
      };
    };

export type RetryCondition = "connect" | "reset" | "timeout" | number;

export interface RetryConfig {
  /** Attempts in all, 1..10; 1 = no retry of what is not free. */
  readonly attempts: number;
  readonly attemptTimeoutMs: number;
  /** Failures and status codes after which an idempotent request is tried again. */
  readonly on: readonly RetryCondition[];
  readonly budget: {
    readonly share: number;
    readonly minPerSecond: number;
    readonly burst: number;
  };
  /** Request bodies up to this size are kept for another attempt. */
  readonly bodyBytes: number;
}

export interface PoolTimeouts {
  readonly connectMs: number;
  /** From the last request byte to the end of the response head, and longest silence inside a response body. */
  readonly responseMs: number;
  /** How long an unused connection to an endpoint is kept. */
  readonly idleMs: number;
  /** From the complete request head to the last response byte. */
  readonly totalMs: number;
}

export interface AdminConfig {
  /** Absent: no TCP address. */
  readonly bind?: BindAddress;
  readonly socket: string;
}

export interface ProcessConfig {
  readonly workers: number | "auto";
  /** Client connections of the whole node. */
  readonly connections: number;
  readonly data: string;
  readonly user?: string;
  /** Longest wait for running exchanges when stopping. */
  readonly drainMs: number;
}

export interface LogConfig {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly format: "auto" | "text" | "json";
  readonly access?: { readonly format: "json"; readonly sample: number; readonly file?: string };
}

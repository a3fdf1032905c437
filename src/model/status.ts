import type { BindAddress, EndpointLimits, QueueConfig } from "./config.ts";
import type { EndpointOverride } from "./override.ts";
import type { EndpointState } from "./snapshot.ts";

/**
 * What one running instance knows about itself, at one moment: the source of `/api/v1/status`, of `weichensteller
 * status`, of the live view and of `/metrics`. Plain JSON. Counters count since the instance started and survive the
 * death of a worker; names that end in `Now` are gauges. Times named `…At` are wall-clock milliseconds since 1970.
 */
export interface StatusView {
  readonly version: string;
  readonly pid: number;
  readonly startedAt: number;
  /** Wall clock when this view was made. */
  readonly nowAt: number;
  readonly state: InstanceState;
  /** Number of the accepted configuration and when it was accepted; 0 before the first. */
  readonly revision: number;
  readonly revisionAt: number;
  /** Absolute path of the configuration file. */
  readonly file: string;
  readonly admin: AdminAddresses;
  readonly workers: readonly WorkerView[];
  readonly listeners: readonly ListenerView[];
  readonly pools: readonly PoolView[];
}

/** `starting` until one worker is ready for the first time. */
export type InstanceState = "starting" | "running" | "draining";

export interface AdminAddresses {
  readonly socket: string;
  /** Absent: no TCP address. The port is the real one. */
  readonly tcp?: BindAddress;
}

export interface WorkerView {
  readonly index: number;
  /** 0 while it has no process. */
  readonly pid: number;
  readonly state: WorkerState;
  readonly sinceAt: number;
  /** How often it was replaced since the instance started. */
  readonly restarts: number;
  readonly counters: WorkerCounters;
}

/** `starting`: spawned, not yet accepting; `dead`: its successor is waited for. */
export type WorkerState = "starting" | "ready" | "draining" | "dead";

export interface WorkerCounters {
  readonly connectionsNow: number;
  readonly connectionsRefused: number;
  readonly eventLoopLagMaxMs: number;
  readonly upstreamIdleNow: number;
  readonly upstreamOpenNow: number;
  /** Entries of its timer wheel. */
  readonly deadlinesNow: number;
  readonly badRequests: number;
}

export interface ListenerView {
  readonly name: string;
  readonly protocol: "http";
  /** Where it really listens. */
  readonly addresses: readonly BindAddress[];
  /** Default pool. */
  readonly pool?: string;
  readonly counters: ListenerCounters;
}

/** Sums over all workers, the dead ones included. */
export interface ListenerCounters {
  readonly connections: number;
  readonly connectionsNow: number;
  readonly exchanges: number;
  readonly exchangesNow: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly status1xx: number;
  readonly status2xx: number;
  readonly status3xx: number;
  readonly status4xx: number;
  readonly status5xx: number;
  readonly clientGone: number;
  readonly refused: number;
}

export interface PoolView {
  readonly name: string;
  /** As in the configuration: `round-robin`, … */
  readonly balance: string;
  /** False: no active checks, endpoints count as UP. */
  readonly isChecked: boolean;
  /** Absent: no endpoint has limits, so nothing ever waits. */
  readonly queue?: QueueConfig;
  readonly counters: PoolCounters;
  readonly endpoints: readonly EndpointView[];
}

/** Sums over all workers, the dead ones included. */
export interface PoolCounters {
  /** Exchanges that wait for a place at an endpoint. */
  readonly queuedNow: number;
  readonly queued: number;
  readonly queueWaitMs: number;
  readonly queueFull: number;
  readonly queueTimeouts: number;
  readonly queueLeft: number;
  /** Decisions after failed attempts, by reason (`retryWhyCode`). */
  readonly retryDecisions: Readonly<Record<string, number>>;
}

export interface EndpointView extends HealthView {
  readonly row: number;
  readonly name: string;
  /** `host:port` as written, IPv6 in brackets. */
  readonly address: string;
  /** What a host name resolves to; absent while it does not. */
  readonly ip?: string;
  /** The one in use. */
  readonly weight: number;
  readonly backup: boolean;
  /** Absent: none. */
  readonly limits?: EndpointLimits;
  readonly counters: EndpointCounters;
}

/** Sums over all workers, the dead ones included. */
export interface EndpointCounters {
  readonly attempts: number;
  readonly attemptsNow: number;
  readonly connects: number;
  readonly connectFailures: number;
  readonly resets: number;
  readonly timeouts: number;
  readonly badResponses: number;
  readonly retries: number;
  readonly status2xx: number;
  readonly status3xx: number;
  readonly status4xx: number;
  readonly status5xx: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
  readonly connectionsNow: number;
}

/** What the prober knows of one endpoint (`Prober.view(row)`); the supervisor spreads it into its EndpointView. */
export interface HealthView {
  readonly state: EndpointState;
  /** Reason code of `state`. */
  readonly why: HealthWhy;
  /** The reason in words, with the evidence: `3 checks failed: connect refused`. */
  readonly whyText: string;
  readonly sinceAt: number;
  /** Absent: no check was finished yet, or the pool has none. */
  readonly lastCheck?: CheckView;
  /** Wall clock until which it is ejected at least; present while it is. */
  readonly ejectedUntilAt?: number;
  /** Present while someone's state or weight stands over the configuration. */
  readonly override?: EndpointOverride;
}

export interface CheckView {
  readonly at: number;
  readonly isOk: boolean;
  /** `status 200`, `connect refused`, `no answer in 1 s`, … */
  readonly evidence: string;
  readonly durationMs: number;
}

/** Why an endpoint is in its state. Text: `core/health/why-text.ts`. */
export const HealthWhy = {
  /** The pool has no health check. */
  Unchecked: "unchecked",
  /** `initial` of the configuration; no decision by checks yet. */
  Initial: "initial",
  /** `rise` checks in a row passed. */
  Rise: "rise",
  /** `fall` checks in a row failed. */
  Fall: "fall",
  /** The host name does not resolve, so nothing can be checked. */
  Unresolved: "unresolved",
  /** Taken out for a while because exchanges failed there. */
  Ejected: "ejected",
  /** Its health check answers that it wants to be drained. */
  Asked: "asked",
  /** Someone asked for DRAIN or MAINT. */
  Override: "override",
} as const;
export type HealthWhy = (typeof HealthWhy)[keyof typeof HealthWhy];

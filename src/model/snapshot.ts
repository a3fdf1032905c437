import type { EndpointConfig, ListenerConfig, LogConfig, PoolConfig } from "./config.ts";

/**
 * One accepted configuration, compiled and frozen, as every worker gets it. It is plain JSON, so that it can cross
 * the worker link, and it names things by number where the hot path needs them: `row` is an endpoint's place in the
 * shared counters, `slot` a listener's or a pool's. They survive a reload for whatever kept its identity.
 */
export interface Snapshot {
  readonly revision: number;
  readonly listeners: readonly ListenerSnapshot[];
  readonly pools: readonly PoolSnapshot[];
  readonly log: LogConfig;
  /** Client connections of the whole node. */
  readonly connectionsMax: number;
  /** Client connections that one worker's descriptors suffice for; at most `connectionsMax`. */
  readonly workerConnectionsMax: number;
}

export interface ListenerSnapshot extends ListenerConfig {
  readonly slot: number;
  /** Where this listener's sockets really listen (port 0 resolved), in the order of `bind`, IPv4 before IPv6 for `*`. */
  readonly sockets: readonly ListenSocket[];
}

export interface ListenSocket {
  readonly host: string;
  readonly port: number;
  /** By this number supervisor and workers know the socket, whatever its descriptor is in each. Never used again. */
  readonly id: number;
}

export interface PoolSnapshot extends Omit<PoolConfig, "endpoints" | "health"> {
  /** Its place in the shared counters. */
  readonly slot: number;
  readonly endpoints: readonly EndpointSnapshot[];
}

export interface EndpointSnapshot extends EndpointConfig {
  readonly row: number;
  /** IP literal that `host` stands for; absent while the name does not resolve. */
  readonly ip?: string;
}

/** State of an endpoint as the data plane needs it; numbers, because they cross the worker link in arrays. */
export const EndpointState = { Up: 0, Down: 1, Drain: 2, Maint: 3 } as const;
export type EndpointState = (typeof EndpointState)[keyof typeof EndpointState];
export const endpointStateName = ["UP", "DOWN", "DRAIN", "MAINT"] as const;

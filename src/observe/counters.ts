/**
 * The shared counters of one instance: a file in shared memory that every worker maps.
 *
 *   | header (64 bytes) | column of worker 0 | column of worker 1 | … | retired | limits of worker 0 | limits of worker 1 | …
 *
 * A column is an array of float64, written by exactly one worker and read by anyone: an aligned 8-byte store is atomic
 * on the machines we run on, so no lock and no Atomics are needed. When a worker dies, the supervisor adds its totals
 * to the last column ("retired") and zeroes the rest, so that sums never go back and gauges do not leak.
 *
 *   column: | worker slots | listener slots × listenersMax | endpoint slots × endpointsMax | pool slots × poolsMax |
 *
 * What must hold at every instant (limits) cannot be counted that way: a plain store may become visible after a later
 * load. Those counts stand in int32 columns of their own, which are used with Atomics only (`shared-limits.ts`).
 *
 *   limits: | worker words | 1 word × listenersMax | endpoint words × endpointsMax | pool words × poolsMax |
 */
export const counterMagic = 0x57535431; // "WST1"
export const counterLayoutVersion = 2;
export const headerBytes = 64;
export const listenersMax = 256;
export const endpointsMax = 16_384;
export const poolsMax = 4_096;

/** Slots of a worker. A name that ends in `Now` is a gauge: it is dropped, not kept, when the worker dies. */
export const WorkerSlot = {
  heartbeat: 0,
  connectionsNow: 1,
  connectionsRefused: 2,
  eventLoopLagMaxMs: 3,
  upstreamIdleNow: 4,
  upstreamOpenNow: 5,
  badRequests: 6,
  accessLinesDropped: 7,
  /** Entries of the timer wheel: deadlines of connections and exchanges, those included that were called off and not met yet. */
  deadlinesNow: 8,
} as const;
export const workerSlots = 16;

export const ListenerSlot = {
  connections: 0,
  connectionsNow: 1,
  exchanges: 2,
  exchangesNow: 3,
  bytesIn: 4,
  bytesOut: 5,
  status1xx: 6,
  status2xx: 7,
  status3xx: 8,
  status4xx: 9,
  status5xx: 10,
  clientGone: 11,
  refused: 12,
} as const;
export const listenerSlots = 16;

export const EndpointSlot = {
  attempts: 0,
  attemptsNow: 1,
  connects: 2,
  connectFailures: 3,
  resets: 4,
  timeouts: 5,
  badResponses: 6,
  retries: 7,
  status2xx: 8,
  status3xx: 9,
  status4xx: 10,
  status5xx: 11,
  bytesOut: 12,
  bytesIn: 13,
  connectionsNow: 14,
} as const;
export const endpointSlots = 16;

export const PoolSlot = {
  /** Exchanges that had to wait for an endpoint; one that waits twice counts twice. */
  queued: 0,
  /** How long they waited in all, whatever came of it. */
  queueWaitMs: 1,
  /** Refused because the queue was full. */
  queueFull: 2,
  queueTimeouts: 3,
  /** Clients that left, or total deadlines that passed, while the exchange waited. */
  queueLeft: 4,
  /** First of the decisions after failed attempts, in the order of `RetryWhy`; up to the end of the pool's slots. */
  retryDecisions: 8,
} as const;
export const poolSlots = 32;

export const columnSlots =
  workerSlots + listenersMax * listenerSlots + endpointsMax * endpointSlots + poolsMax * poolSlots;

export function listenerBase(slot: number): number {
  return workerSlots + slot * listenerSlots;
}

export function endpointBase(row: number): number {
  return workerSlots + listenersMax * listenerSlots + row * endpointSlots;
}

export function poolBase(slot: number): number {
  return endpointBase(endpointsMax) + slot * poolSlots;
}

/** Words of a worker in its limits. */
export const WorkerLimit = {
  /** Client connections. */
  connections: 0,
} as const;
const workerLimits = 16;

export const EndpointLimit = {
  /** Exchanges that hold a place at the endpoint; counted only while it has a limit of requests. */
  requests: 0,
  /** Connections, from connect to close; counted only while it has a limit of connections. */
  connections: 1,
} as const;
const endpointLimits = 2;

export const PoolLimit = {
  /** Exchanges that wait. */
  waiting: 0,
  /** Since when the oldest of them is there: `bootClockMs()` modulo 2^32. Means nothing while none waits. */
  oldestMs: 1,
} as const;
const poolLimits = 2;

/** Client connections of a listener. */
export function listenerLimit(slot: number): number {
  return workerLimits + slot;
}

export function endpointLimitBase(row: number): number {
  return workerLimits + listenersMax + row * endpointLimits;
}

export function poolLimitBase(slot: number): number {
  return endpointLimitBase(endpointsMax) + slot * poolLimits;
}

/** Even, so that every column begins at a multiple of eight bytes. */
export const limitWords = poolLimitBase(poolsMax);

/**
 * The shared counters of one instance: a file in shared memory that every worker maps.
 *
 *   | header (64 bytes) | column of worker 0 | column of worker 1 | … | retired |
 *
 * A column is an array of float64, written by exactly one worker and read by anyone: an aligned 8-byte store is atomic
 * on the machines we run on, so no lock and no Atomics are needed. When a worker dies, the supervisor adds its totals
 * to the last column ("retired") and zeroes the rest, so that sums never go back and gauges do not leak.
 *
 *   column: | worker slots | listener slots × listenersMax | endpoint slots × endpointsMax |
 */
export const counterMagic = 0x57535431; // "WST1"
export const counterLayoutVersion = 1;
export const headerBytes = 64;
export const listenersMax = 256;
export const endpointsMax = 16_384;

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

export const columnSlots = workerSlots + listenersMax * listenerSlots + endpointsMax * endpointSlots;

export function listenerBase(slot: number): number {
  return workerSlots + slot * listenerSlots;
}

export function endpointBase(row: number): number {
  return workerSlots + listenersMax * listenerSlots + row * endpointSlots;
}

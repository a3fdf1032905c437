import { ipFamily } from "../../lib/ip.ts";
import type { Config, EndpointConfig, ListenerConfig, PoolConfig } from "../../model/config.ts";
import type { EndpointSnapshot, ListenerSnapshot, ListenSocket, PoolSnapshot, Snapshot } from "../../model/snapshot.ts";
import { emptyNumbering, type Numbering, renumber } from "./numbering.ts";

/** Which number belongs to whom; goes from one compilation to the next. */
export interface Allocation {
  /** Of endpoints. */
  readonly rows: Numbering;
  /** Of listeners. */
  readonly slots: Numbering;
  /** Slots of pools. */
  readonly pools: Numbering;
}

export interface CompileInput {
  readonly revision: number;
  readonly config: Config;
  readonly before: Allocation;
  /** Whether a worker still has an attempt or a connection at this row. */
  readonly isRowBusy: (row: number) => boolean;
  /** Whether a worker still has a connection of the listener that had this slot. */
  readonly isSlotBusy: (slot: number) => boolean;
  /** Whether an exchange still waits in the queue of the pool with this slot. */
  readonly isPoolBusy: (slot: number) => boolean;
  /** IP literals by host name; a name that is missing does not resolve now. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Bound sockets by listener name. */
  readonly sockets: ReadonlyMap<string, readonly ListenSocket[]>;
  /** Client connections of the node, and those that one worker has descriptors for. */
  readonly connectionsMax: number;
  readonly workerConnectionsMax: number;
}

export type Compiled =
  | {
      readonly kind: "compiled";
      readonly snapshot: Snapshot;
      readonly allocation: Allocation;
      /** Numbers whose counters must be cleared before the snapshot is used. */
      readonly reusedRows: readonly number[];
      readonly reusedSlots: readonly number[];
      readonly reusedPools: readonly number[];
    }
  | { readonly kind: "refused"; readonly why: string };

/** Before the first compilation. */
export function emptyAllocation(limits: {
  readonly rows: number;
  readonly slots: number;
  readonly pools: number;
}): Allocation {
  return {
    rows: emptyNumbering(limits.rows),
    slots: emptyNumbering(limits.slots),
    pools: emptyNumbering(limits.pools),
  };
}

/**
 * Turns a valid configuration into what workers run. An endpoint keeps its row (counters, health) while pool, name and
 * address stay; weight and role may change. A listener keeps its slot while its name stays.
 */
export function compile(input: CompileInput): Compiled {
  const { config, before } = input;
  const endpointIds = config.pools.flatMap((pool) => pool.endpoints.map((endpoint) => endpointId(pool, endpoint)));
  const rows = renumber(before.rows, endpointIds, input.isRowBusy);
  if (rows === undefined) {
    return {
      kind: "refused",
      why: `${endpointIds.length} endpoints, and rows for ${before.rows.limit} (busy ones of earlier revisions included)`,
    };
  }
  const listenerNames = config.listeners.map(({ name }) => name);
  const slots = renumber(before.slots, listenerNames, input.isSlotBusy);
  if (slots === undefined)
    return {
      kind: "refused",
      why: `${listenerNames.length} listeners, most is ${before.slots.limit}`,
    };
  const poolNames = config.pools.map(({ name }) => name);
  const pools = renumber(before.pools, poolNames, input.isPoolBusy);
  if (pools === undefined) return { kind: "refused", why: `${poolNames.length} pools, most is ${before.pools.limit}` };
  const snapshot: Snapshot = {
    revision: input.revision,
    listeners: config.listeners.map((listener) => listenerSnapshot(listener, slots.numbering, input.sockets)),
    pools: config.pools.map((pool) =>
      poolSnapshot(pool, { rows: rows.numbering, slots: pools.numbering }, input.addresses),
    ),
    log: config.log,
    connectionsMax: input.connectionsMax,
    workerConnectionsMax: input.workerConnectionsMax,
  };
  return {
    kind: "compiled",
    snapshot,
    allocation: { rows: rows.numbering, slots: slots.numbering, pools: pools.numbering },
    reusedRows: rows.reused,
    reusedSlots: slots.reused,
    reusedPools: pools.reused,
  };
}

function listenerSnapshot(
  listener: ListenerConfig,
  slots: Numbering,
  sockets: CompileInput["sockets"],
): ListenerSnapshot {
  return {
    ...listener,
    slot: numberOf(slots, listener.name),
    sockets: sockets.get(listener.name) ?? [],
  };
}

function poolSnapshot(
  pool: PoolConfig,
  { rows, slots }: { readonly rows: Numbering; readonly slots: Numbering },
  addresses: CompileInput["addresses"],
): PoolSnapshot {
  // Workers run no checks.
  const { health: _, endpoints, ...rest } = pool;
  return {
    ...rest,
    slot: numberOf(slots, pool.name),
    endpoints: endpoints.map((endpoint) => endpointSnapshot(pool, endpoint, rows, addresses)),
  };
}

function endpointSnapshot(
  pool: PoolConfig,
  endpoint: EndpointConfig,
  rows: Numbering,
  addresses: CompileInput["addresses"],
): EndpointSnapshot {
  const row = numberOf(rows, endpointId(pool, endpoint));
  const ip = ipFamily(endpoint.host) === 0 ? addresses.get(endpoint.host) : endpoint.host;
  return ip === undefined ? { ...endpoint, row } : { ...endpoint, row, ip };
}

/** JSON, because names may hold any separator. */
function endpointId(pool: PoolConfig, { name, host, port }: EndpointConfig): string {
  return JSON.stringify([pool.name, name, host, port]);
}

function numberOf(numbering: Numbering, name: string): number {
  const numbered = numbering.taken.get(name);
  if (numbered === undefined) throw new Error(`no number for ${name}`);
  return numbered.number;
}

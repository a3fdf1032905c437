import { addressText } from "../lib/address.ts";
import type { Config } from "../model/config.ts";
import type { EndpointSnapshot, ListenerSnapshot, PoolSnapshot, Snapshot } from "../model/snapshot.ts";
import { EndpointState } from "../model/snapshot.ts";
import {
  type EndpointCounters,
  type EndpointView,
  HealthWhy,
  type ListenerCounters,
  type ListenerView,
  type PoolView,
  type WorkerCounters,
  type WorkerView,
} from "../model/status.ts";
import type { Counters } from "../observe/counter-file.ts";
import {
  endpointBase,
  EndpointSlot,
  listenerBase,
  ListenerSlot,
  WorkerSlot as WorkerCounterSlot,
} from "../observe/counters.ts";
import type { HealthSource } from "./health-source.ts";
import type { WorkerSlot } from "./worker-slot.ts";

export function workerView(slot: WorkerSlot, counters: Counters): WorkerView {
  const column = counters.column(slot.index);
  return {
    index: slot.index,
    pid: slot.pid,
    state: slot.state,
    sinceAt: slot.sinceAt,
    restarts: slot.restarts,
    counters: pick(WorkerCounterSlot, (number) => column[number]!) satisfies WorkerCounters,
  };
}

export function listenerViews(snapshot: Snapshot, counters: Counters): readonly ListenerView[] {
  return snapshot.listeners.map((listener) => listenerView(listener, counters));
}

export function poolViews(
  snapshot: Snapshot,
  config: Config,
  sources: { readonly counters: Counters; readonly health: HealthSource; readonly nowAt: number },
): readonly PoolView[] {
  const checked = new Set(config.pools.flatMap(({ name, health }) => (health === undefined ? [] : [name])));
  return snapshot.pools.map((pool) => poolView(pool, checked.has(pool.name), sources));
}

function listenerView(listener: ListenerSnapshot, counters: Counters): ListenerView {
  const base = listenerBase(listener.slot);
  return {
    name: listener.name,
    protocol: listener.protocol,
    addresses: listener.sockets.map(({ host, port }) => ({ host, port })),
    ...(listener.pool === undefined ? {} : { pool: listener.pool }),
    counters: pick(ListenerSlot, (number) => counters.sum(base + number)) satisfies ListenerCounters,
  };
}

function poolView(
  pool: PoolSnapshot,
  isChecked: boolean,
  sources: { readonly counters: Counters; readonly health: HealthSource; readonly nowAt: number },
): PoolView {
  const endpoints = pool.endpoints.map((endpoint) => endpointView(endpoint, sources));
  return { name: pool.name, balance: pool.balance.kind, isChecked, endpoints };
}

function endpointView(
  endpoint: EndpointSnapshot,
  { counters, health, nowAt }: { readonly counters: Counters; readonly health: HealthSource; readonly nowAt: number },
): EndpointView {
  const base = endpointBase(endpoint.row);
  const known = health.view(endpoint.row);
  return {
    row: endpoint.row,
    name: endpoint.name,
    address: addressText(endpoint),
    ...(endpoint.ip === undefined ? {} : { ip: endpoint.ip }),
    weight: known?.override?.weight?.value ?? endpoint.weight,
    backup: endpoint.backup,
    counters: pick(EndpointSlot, (number) => counters.sum(base + number)) satisfies EndpointCounters,
    // A row between two revisions: the health source has let it go already.
    ...(known ?? {
      state: EndpointState.Down,
      why: HealthWhy.Initial,
      whyText: "leaving",
      sinceAt: nowAt,
    }),
  };
}

function pick<K extends string>(slots: Readonly<Record<K, number>>, read: (slot: number) => number): Record<K, number> {
  const result = {} as Record<K, number>;
  for (const name of Object.keys(slots) as K[]) result[name] = read(slots[name]);
  return result;
}

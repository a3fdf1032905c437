import { Router } from "../../core/route/router.ts";
import type { LogConfig } from "../../model/config.ts";
import type { EndpointRowState } from "../../model/link.ts";
import { TroubleSign } from "../../model/link.ts";
import { EndpointState, type ListenerSnapshot, type Snapshot } from "../../model/snapshot.ts";
import { AccessLog } from "../../observe/access-log.ts";
import { WorkerSlot } from "../../observe/counters.ts";
import { appendFile } from "../../platform/append-file.ts";
import { timers } from "../../platform/clock.ts";
import type { Cancel } from "../../platform/ports.ts";
import { Ending, Phase } from "../listener/client-connection.ts";
import { clientHandlers } from "../listener/client-events.ts";
import { HttpListener, listenerSettings } from "../listener/http-listener.ts";
import { connector } from "../net/tcp.ts";
import { connectFailed, endpointHandlers } from "../upstream/endpoint-events.ts";
import { Endpoint } from "../upstream/endpoint.ts";
import { Pool } from "../upstream/pool.ts";
import type { DataPlane, DataPlanePorts } from "../worker/data-plane-port.ts";
import { moveAway } from "./attempt.ts";
import { Runtime } from "./runtime.ts";

/** While draining: how long an unused client connection may still bring a request, which is then answered with `close`. */
const idleGraceMs = 500;
const drainLookMs = 20;
/** How often answers that are overdue are looked for. */
const overdueLookMs = 100;

/** What one snapshot is in this worker. */
interface Active {
  readonly snapshot: Snapshot;
  readonly pools: readonly Pool[];
}

export function createDataPlane(ports: DataPlanePorts): DataPlane {
  return new HttpDataPlane(ports);
}

class HttpDataPlane implements DataPlane {
  readonly #runtime: Runtime;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #states = new Map<number, EndpointState>();
  /** Set at run time; other rows have the weight of the configuration. */
  readonly #weights = new Map<number, number>();
  #stopLooking: Cancel | undefined;
  readonly #listeners = new Map<string, HttpListener>();
  #active: Active | undefined;
  #prepared: Active | undefined;
  #accessFile = "";

  constructor(ports: DataPlanePorts) {
    this.#runtime = new Runtime(ports, connector(endpointHandlers, connectFailed));
  }

  start(snapshot: Snapshot, states: readonly EndpointRowState[]): void {
    this.setStates(states);
    const active = this.#compile(snapshot);
    this.#active = active;
    this.#setAccessLog(snapshot.log);
    for (const listener of snapshot.listeners) {
      const http = new HttpListener(
        this.#runtime,
        listener,
        this.#settings(listener, active),
        () => this.#active!.snapshot.connectionsMax,
      );
      this.#listeners.set(listener.name, http);
      http.listen(listener, clientHandlers);
    }
    this.#stopLooking = timers.every(overdueLookMs, () => this.#lookForOverdue());
  }

  prepare(snapshot: Snapshot): string | undefined {
    const missing = snapshot.listeners.find((listener) => !this.#listeners.has(listener.name));
    if (missing !== undefined) return `listener ${missing.name} is new, and its socket is not in this process`;
    this.#prepared = this.#compile(snapshot);
    return undefined;
  }

  commit(revision: number, states: readonly EndpointRowState[]): void {
    const prepared = this.#prepared;
    if (prepared === undefined || prepared.snapshot.revision !== revision) return;
    this.#prepared = undefined;
    this.#active = prepared;
    this.setStates(states);
    this.#setAccessLog(prepared.snapshot.log);
    for (const listener of prepared.snapshot.listeners) {
      this.#listeners.get(listener.name)!.replaceSettings(this.#settings(listener, prepared));
    }
    this.#forgetEndpoints(prepared.snapshot);
  }

  setStates(states: readonly EndpointRowState[]): void {
    const rows = new Set<number>();
    const down = new Set<number>();
    for (const [row, state, weight] of states) {
      if (weight === undefined) this.#weights.delete(row);
      else this.#weights.set(row, weight);
      const before = this.#states.get(row);
      if (state === before) continue;
      this.#states.set(row, state);
      rows.add(row);
      // Only from UP: a DRAIN that becomes DOWN has been left by everything that could leave.
      if (state === EndpointState.Down && before === EndpointState.Up) down.add(row);
    }
    for (const pool of this.#active?.pools ?? []) {
      pool.setStates(this.#stateOf);
      pool.setWeights(this.#weightOf);
    }
    if (rows.size === 0) return;
    for (const endpoint of this.#endpoints.values()) if (rows.has(endpoint.row)) this.#enter(endpoint);
    if (down.size === 0) return;
    for (const endpoint of this.#endpoints.values()) {
      if (down.has(endpoint.row)) for (const exchange of endpoint.waiting()) moveAway(exchange);
    }
  }

  #enter(endpoint: Endpoint): void {
    const state = this.#stateOf(endpoint.row);
    endpoint.keepsIdle = state === EndpointState.Up || state === EndpointState.Down;
    // Unused connections of a DOWN endpoint are not to be found good again when it comes back, others nobody needs.
    if (state === EndpointState.Up) endpoint.cameUp();
    else endpoint.closeIdle();
  }

  #lookForOverdue(): void {
    for (const endpoint of this.#endpoints.values())
      if (endpoint.isOverdue()) this.#runtime.report(endpoint.row, TroubleSign.Overdue);
  }

  drain(done: () => void): void {
    const runtime = this.#runtime;
    runtime.isDraining = true;
    const startedMs = runtime.nowMs;
    for (const listener of this.#listeners.values()) listener.stopListening();
    for (const endpoint of this.#endpoints.values()) endpoint.closeIdle();
    const stopLooking = timers.every(drainLookMs, () => {
      if (runtime.nowMs - startedMs >= idleGraceMs) this.#endIdleClients();
      if (runtime.counters[WorkerSlot.connectionsNow]! > 0) return;
      stopLooking();
      // The last lines are written before the process ends.
      if (runtime.accessLog === undefined) done();
      else runtime.accessLog.end(done);
    });
  }

  stop(): void {
    for (const listener of this.#listeners.values()) {
      listener.stopListening();
      for (const client of listener.connections) client.socket.terminate();
    }
    this.#stopLooking?.();
    this.#runtime.stop();
  }

  #setAccessLog({ access }: LogConfig): void {
    const runtime = this.#runtime;
    runtime.accessShare = access?.sample ?? 0;
    const file = access?.file ?? "";
    if (access === undefined || runtime.accessShare === 0) runtime.accessLog = undefined;
    else if (runtime.accessLog === undefined || this.#accessFile !== file) {
      runtime.accessLog = new AccessLog(appendFile(access.file), {
        trouble: (code) => {
          if (code === undefined) runtime.log("info", "access-log-works", "the access log is written again");
          else
            runtime.log(
              "error",
              "access-log-failed",
              `access log ${file || "on standard output"}: ${code}; lines are lost`,
            );
        },
        dropped: (lines) => (runtime.counters[WorkerSlot.accessLinesDropped]! += lines),
      });
    }
    this.#accessFile = file;
  }

  readonly #stateOf = (row: number): EndpointState => this.#states.get(row) ?? EndpointState.Down;
  readonly #weightOf = (row: number): number | undefined => this.#weights.get(row);

  #compile(snapshot: Snapshot): Active {
    const pools = snapshot.pools.map((pool) => {
      const endpoints = pool.endpoints.map((endpoint) => {
        if (endpoint.ip === undefined) return undefined;
        const key = `${endpoint.row} ${endpoint.ip} ${endpoint.port}`;
        const known = this.#endpoints.get(key);
        if (known !== undefined) return known;
        const made = new Endpoint(this.#runtime, { ...endpoint, ip: endpoint.ip });
        this.#endpoints.set(key, made);
        this.#enter(made);
        return made;
      });
      const made = new Pool(this.#runtime, pool, endpoints, this.#stateOf);
      made.setWeights(this.#weightOf);
      return made;
    });
    return { snapshot, pools };
  }

  #settings(listener: ListenerSnapshot, active: Active): ReturnType<typeof listenerSettings> {
    const poolIndex = (name: string): number => active.snapshot.pools.findIndex((pool) => pool.name === name);
    return listenerSettings(listener, new Router(listener, poolIndex), active.pools);
  }

  /** Endpoints that the snapshot does not name any more; running exchanges still hold theirs. */
  #forgetEndpoints(snapshot: Snapshot): void {
    const kept = new Set(
      snapshot.pools.flatMap((pool) =>
        pool.endpoints.map((endpoint) => `${endpoint.row} ${endpoint.ip} ${endpoint.port}`),
      ),
    );
    for (const [key, endpoint] of this.#endpoints) {
      if (kept.has(key)) continue;
      endpoint.closeIdle();
      this.#endpoints.delete(key);
    }
  }

  #endIdleClients(): void {
    for (const listener of this.#listeners.values()) {
      for (const client of listener.connections) {
        if (client.phase === Phase.Head && client.partial === null) client.end(Ending.Linger);
      }
    }
  }
}

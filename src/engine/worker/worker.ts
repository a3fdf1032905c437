import {
  descriptorsPath,
  linkVersion,
  type EndpointRowState,
  type ToSupervisor,
  type ToWorker,
} from "../../model/link.ts";
import type { EndpointState, Snapshot } from "../../model/snapshot.ts";
import { type Counters, openCounters } from "../../observe/counter-file.ts";
import { SharedLimits } from "../../observe/shared-limits.ts";
import type { DescriptorChannel, Platform, UserIds } from "../../platform/ports.ts";
import type { CreateDataPlane, DataPlane } from "./data-plane-port.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { LinkClient } from "./link-client.ts";
import { TroubleReports } from "./trouble.ts";

export interface WorkerOptions {
  /** Its place among the workers, for people. */
  readonly index: number;
  /** Its column of the counters. While one worker follows another, both have one. */
  readonly column: number;
  readonly linkPath: string;
  readonly memoryPath: string;
  /** Bound of a drain that nobody but a signal asks for: the supervisor is gone. */
  readonly drainMs: number;
  /** Absent: stays who it is. */
  readonly user?: UserIds;
}

/** Connections that wait to be accepted; net.core.somaxconn is 4096 by default since Linux 5.4. */
export const backlog = 4096;

/** In `ps`. */
export const workerProcessName = "wst-worker";

type LogLevel = "debug" | "info" | "warn" | "error";

/**
 * Runs this process as a worker, until a drain is over or the supervisor was never there. Whatever fails before the
 * first `ready` ends the process with code 1: the supervisor counts that and says so.
 */
export function runWorker(options: WorkerOptions, platform: Platform, createDataPlane: CreateDataPlane): void {
  const { processes } = platform;
  processes.nameThis(workerProcessName);
  const memory = platform.sharedMemory.open(options.memoryPath);
  if (!memory.ok) return fail(`shared memory ${options.memoryPath}: ${memory.text}`);
  const counters = openCounters(memory.value);
  if (typeof counters === "string") return fail(`shared memory ${options.memoryPath}: ${counters}`);
  // Only now: the file belongs to whoever runs the supervisor, and so may the program's own files.
  const become = options.user === undefined ? undefined : processes.become(options.user);
  if (become?.ok === false) return fail(`cannot become user ${options.user?.uid}: ${become.text}`);
  const column = counters.column(options.column);
  startHeartbeat(column, platform.clock, platform.timers);
  const worker = new Worker(options, platform, counters, createDataPlane);
  // A terminal sends its signals to the whole group: what they mean is the supervisor's decision.
  processes.on("SIGINT", () => undefined);
  processes.on("SIGHUP", () => undefined);
  processes.on("SIGTERM", () => worker.terminate());

  function fail(text: string): void {
    platform.errorOutput.writeLine(`wst-worker ${options.index}: ${text}`);
    processes.exit(1);
  }
}

class Worker {
  readonly #options: WorkerOptions;
  readonly #platform: Platform;
  readonly #dataPlane: DataPlane;
  readonly #counters: Counters;
  /** Changed in place: the data plane keeps it. */
  readonly #columns: Float64Array[] = [];
  readonly #link: LinkClient;
  readonly #states = new Map<number, EndpointState>();
  /** Sockets that supervisors handed over and that are still open here, by id. */
  readonly #descriptors = new Map<number, number>();
  /** Ids of those that the revision in use names. */
  #named: ReadonlySet<number> = new Set();
  /** Snapshot between prepare and commit. */
  #prepared: Snapshot | undefined;
  #channel: DescriptorChannel | undefined;
  /** Revision in use; absent before the first welcome. */
  #revision: number | undefined;
  #isDraining = false;

  constructor(options: WorkerOptions, platform: Platform, counters: Counters, createDataPlane: CreateDataPlane) {
    this.#options = options;
    this.#counters = counters;
    this.#useColumns(Array.from({ length: counters.workers }, (_, column) => column));
    this.#platform = platform;
    const trouble = new TroubleReports(platform.timers, (row, counts) => this.#send({ kind: "trouble", row, counts }));
    this.#dataPlane = createDataPlane({
      counters: counters.column(options.column),
      columns: this.#columns,
      limits: new SharedLimits(counters.limits, options.column),
      hasSocket: (id) => this.#descriptors.has(id),
      openSocket: (id) => this.#openSocket(id),
      report: (row, sign) => trouble.report(row, sign),
      log: (level, code, text) => this.#log(level, code, text),
    });
    this.#link = new LinkClient(options.linkPath, platform.timers, {
      up: () => this.#hello(),
      message: (message) => this.#guard(() => this.#handle(message)),
      // Without a supervisor a worker goes on with what it has; one that has nothing yet is of no use.
      down: () => {
        if (this.#revision === undefined) platform.processes.exit(1);
        this.#prepared = undefined;
        this.#closeUnnamed();
      },
    });
  }

  /** SIGTERM: with a supervisor, it decides; an orphan finishes what runs and leaves. */
  terminate(): void {
    if (!this.#link.isUp) this.#drain(this.#options.drainMs);
  }

  /**
   * Bun would hand an exception to the socket's `error` callback, where one with an errno looks like trouble of the
   * link. It is ours: the process ends and the supervisor starts another.
   */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#platform.errorOutput.writeLine(`wst-worker ${this.#options.index}: ${text}`);
      this.#platform.processes.exit(1);
    }
  }

  #hello(): void {
    const { processes, descriptorChannels } = this.#platform;
    this.#channel?.close();
    const connected = descriptorChannels.connect(descriptorsPath(this.#options.linkPath));
    this.#channel = connected.ok ? connected.value : undefined;
    const own = [...this.#descriptors].map(([id, fd]) => ({ id, fd }));
    const isHandedOver = this.#channel?.send(own).ok === true;
    this.#send({
      kind: "hello",
      index: this.#options.index,
      pid: processes.pid,
      linkVersion,
      ...(this.#revision === undefined ? {} : { revision: this.#revision }),
      sockets: isHandedOver ? own.map(({ id }) => id) : [],
      states: [...this.#states],
      isDraining: this.#isDraining,
    });
  }

  /** Takes what has come beside the link; it is there before the message that names it. */
  #takeDescriptors(): void {
    const { listenSockets } = this.#platform;
    for (const { id, fd } of this.#channel?.receive() ?? []) {
      if (this.#descriptors.has(id)) listenSockets.close(fd);
      else this.#descriptors.set(id, fd);
    }
  }

  /** After a snapshot came into use: sockets that it does not name are let go. */
  #settleSockets(snapshot: Snapshot): void {
    this.#named = new Set(snapshot.listeners.flatMap(({ sockets }) => sockets.map(({ id }) => id)));
    this.#closeUnnamed();
    // Listening on a descriptor made it Bun's.
    for (const fd of this.#descriptors.values()) this.#platform.listenSockets.setBacklog(fd, backlog);
  }

  /** A port must not be open here when nobody serves it. */
  #closeUnnamed(): void {
    for (const [id, fd] of this.#descriptors) {
      if (this.#named.has(id)) continue;
      this.#platform.listenSockets.close(fd);
      this.#descriptors.delete(id);
    }
  }

  #openSocket(id: number): number {
    const fd = this.#descriptors.get(id);
    if (fd === undefined) throw new Error(`socket ${id} is not in this process`);
    const copy = this.#platform.listenSockets.duplicate(fd);
    if (!copy.ok) throw new Error(`socket ${id}: ${copy.text}`);
    return copy.value;
  }

  #useColumns(columns: readonly number[]): void {
    this.#columns.splice(0, Infinity, ...columns.map((column) => this.#counters.column(column)));
  }

  #setStates(states: readonly EndpointRowState[]): void {
    for (const [row, state] of states) this.#states.set(row, state);
  }

  #handle(message: ToWorker): void {
    switch (message.kind) {
      case "welcome":
        return this.#welcome(message.snapshot, message.states);
      case "prepare":
        return this.#prepare(message.snapshot);
      case "commit":
        return this.#commit(message.revision, message.states);
      case "discard":
        // The data plane forgets a prepared snapshot when it gets the next one.
        this.#prepared = undefined;
        this.#closeUnnamed();
        return;
      case "columns":
        return this.#useColumns(message.columns);
      case "states":
        this.#setStates(message.states);
        return this.#dataPlane.setStates(message.states);
      case "drain":
        return this.#drain(message.drainMs);
      default:
        // Raised link versions keep this from happening; the type keeps the list complete.
        return this.#log("error", "link-unknown-message", `message ${(message satisfies never as ToWorker).kind}`);
    }
  }

  #welcome(snapshot: Snapshot, states: readonly EndpointRowState[]): void {
    this.#setStates(states);
    this.#takeDescriptors();
    if (this.#revision === undefined) {
      this.#dataPlane.start(snapshot, states);
    } else if (this.#revision === snapshot.revision) {
      this.#dataPlane.setStates(states);
    } else {
      const why = this.#dataPlane.prepare(snapshot);
      if (why !== undefined) return this.#send({ kind: "refused", revision: snapshot.revision, why });
      this.#dataPlane.commit(snapshot.revision, states);
    }
    this.#settleSockets(snapshot);
    this.#revision = snapshot.revision;
    this.#send({ kind: "ready", revision: snapshot.revision });
  }

  #prepare(snapshot: Snapshot): void {
    const { revision } = snapshot;
    this.#takeDescriptors();
    this.#prepared = snapshot;
    const why = this.#dataPlane.prepare(snapshot);
    this.#send(why === undefined ? { kind: "prepared", revision } : { kind: "refused", revision, why });
  }

  #commit(revision: number, states: readonly EndpointRowState[]): void {
    this.#setStates(states);
    this.#dataPlane.commit(revision, states);
    if (this.#prepared?.revision === revision) this.#settleSockets(this.#prepared);
    this.#prepared = undefined;
    this.#revision = revision;
    this.#send({ kind: "committed", revision });
  }

  #drain(drainMs: number): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    // The data plane closes its own: nobody listens here then.
    for (const fd of this.#descriptors.values()) this.#platform.listenSockets.close(fd);
    this.#descriptors.clear();
    const leave = () => {
      this.#send({ kind: "drained" });
      this.#platform.processes.exit(0);
    };
    this.#platform.timers.after(drainMs, () => {
      this.#log(
        "warn",
        "drain-limit",
        `worker ${this.#options.index}: ends what still runs after ${drainMs} ms of draining`,
      );
      this.#dataPlane.stop();
      leave();
    });
    this.#dataPlane.drain(leave);
  }

  #send(message: ToSupervisor): void {
    this.#link.send(message);
  }

  #log(level: LogLevel, code: string, text: string): void {
    if (this.#link.send({ kind: "log", level, code, text })) return;
    // Nobody to hand it to: the standard error of the supervisor that was.
    this.#platform.errorOutput.writeLine(`wst-worker ${this.#options.index}: ${level}: ${text}`);
  }
}

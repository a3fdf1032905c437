import { linkVersion, type EndpointRowState, type ToSupervisor, type ToWorker } from "../../model/link.ts";
import type { Snapshot } from "../../model/snapshot.ts";
import { openCounters } from "../../observe/counter-file.ts";
import type { Platform, UserIds } from "../../platform/ports.ts";
import type { CreateDataPlane, DataPlane } from "./data-plane-port.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { LinkClient } from "./link-client.ts";
import { TroubleReports } from "./trouble.ts";

export interface WorkerOptions {
  readonly index: number;
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
  const column = counters.column(options.index);
  startHeartbeat(column, platform.clock, platform.timers);
  const columns = Array.from({ length: counters.workers }, (_, index) => counters.column(index));
  const worker = new Worker(options, platform, { column, columns }, createDataPlane);
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
  readonly #link: LinkClient;
  /** Revision in use; absent before the first welcome. */
  #revision: number | undefined;
  #isDraining = false;

  constructor(
    options: WorkerOptions,
    platform: Platform,
    { column, columns }: { readonly column: Float64Array; readonly columns: readonly Float64Array[] },
    createDataPlane: CreateDataPlane,
  ) {
    this.#options = options;
    this.#platform = platform;
    const trouble = new TroubleReports(platform.timers, (row, counts) => this.#send({ kind: "trouble", row, counts }));
    this.#dataPlane = createDataPlane({
      counters: column,
      columns,
      report: (row, sign) => trouble.report(row, sign),
      log: (level, code, text) => this.#log(level, code, text),
    });
    this.#link = new LinkClient(options.linkPath, platform.timers, {
      up: () =>
        this.#send({
          kind: "hello",
          index: options.index,
          pid: platform.processes.pid,
          linkVersion,
        }),
      message: (message) => this.#guard(() => this.#handle(message)),
      // Without a supervisor a worker goes on with what it has; one that has nothing yet is of no use.
      down: () => {
        if (this.#revision === undefined) platform.processes.exit(1);
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
        return;
      case "states":
        return this.#dataPlane.setStates(message.states);
      case "drain":
        return this.#drain(message.drainMs);
      default:
        // Raised link versions keep this from happening; the type keeps the list complete.
        return this.#log("error", "link-unknown-message", `message ${(message satisfies never as ToWorker).kind}`);
    }
  }

  #welcome(snapshot: Snapshot, states: readonly EndpointRowState[]): void {
    if (this.#revision === undefined) {
      this.#dataPlane.start(snapshot, states);
      for (const { fd } of snapshot.listeners.flatMap(({ sockets }) => sockets)) {
        this.#platform.listenSockets.setBacklog(fd, backlog);
      }
    } else if (this.#revision === snapshot.revision) {
      this.#dataPlane.setStates(states);
    } else {
      const why = this.#dataPlane.prepare(snapshot);
      if (why !== undefined) return this.#send({ kind: "refused", revision: snapshot.revision, why });
      this.#dataPlane.commit(snapshot.revision, states);
    }
    this.#revision = snapshot.revision;
    this.#send({ kind: "ready", revision: snapshot.revision });
  }

  #prepare(snapshot: Snapshot): void {
    const { revision } = snapshot;
    const why = this.#dataPlane.prepare(snapshot);
    this.#send(why === undefined ? { kind: "prepared", revision } : { kind: "refused", revision, why });
  }

  #commit(revision: number, states: readonly EndpointRowState[]): void {
    this.#dataPlane.commit(revision, states);
    this.#revision = revision;
    this.#send({ kind: "committed", revision });
  }

  #drain(drainMs: number): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
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

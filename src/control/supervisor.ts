import { dirname } from "node:path";
import { compile, emptyAllocation, type Allocation } from "../core/config/snapshot.ts";
import { needsRestart } from "../core/config/delta.ts";
import { listenForWorkers, type LinkServerHandlers, type WorkerLink } from "../engine/worker/link-server.ts";
import type { Config } from "../model/config.ts";
import type { ToSupervisor } from "../model/link.ts";
import type { ListenSocket, Snapshot } from "../model/snapshot.ts";
import type { AdminAddresses, InstanceState, StatusView } from "../model/status.ts";
import { type Counters, counterFileBytes, initCounters } from "../observe/counter-file.ts";
import { endpointsMax, listenersMax } from "../observe/counters.ts";
import type { Log } from "../observe/log.ts";
import { workerEnvironment } from "../engine/worker/environment.ts";
import { instancePaths } from "../platform/instance-paths.ts";
import type { Cancel, DescriptorLimit, Platform, UserIds } from "../platform/ports.ts";
import { withUmask } from "../platform/umask.ts";
import type { AdminOptions } from "./admin.ts";
import { capacity, descriptorsWanted, workerCount } from "./capacity.ts";
import { EndpointNames, type ResolvedNames } from "./endpoint-names.ts";
import { logHealth } from "./health-log.ts";
import type { CreateHealthSource, HealthSource } from "./health-source.ts";
import { claimInstance, type Instance } from "./instance.ts";
import { bindListeners, inheritance } from "./listeners.ts";
import { checkedPools } from "./checked-pools.ts";
import { overrideOnto } from "./endpoint-override.ts";
import { Overrides } from "./overrides.ts";
import { listenerViews, poolViews, workerView } from "./status-view.ts";
import { WorkerSlot } from "./worker-slot.ts";

export interface SupervisorOptions {
  readonly version: string;
  /** Absolute path of the configuration file. */
  readonly file: string;
  readonly config: Config;
  /** Program and arguments that start a worker; `--index` and the rest are appended. */
  readonly workerCommand: readonly string[];
}

export interface SupervisorParts {
  readonly platform: Platform;
  readonly log: Log;
  readonly createHealth: CreateHealthSource;
  readonly startAdmin: StartAdmin;
  /** Someone asked over the admin API for the end; whoever runs the supervisor decides and calls `stop`. */
  stop(reason: string): void;
}

/** Serves the admin API until the returned `stop`. Throws an Error whose message is fit to be printed. */
export type StartAdmin = (options: Config["admin"] & Pick<AdminOptions, "view" | "change" | "stop">) => {
  readonly addresses: AdminAddresses;
  stop(): Promise<void>;
};

/** `stopped`: someone asked for the end before the start was over. */
export type StartResult =
  | { readonly kind: "running" }
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly line: string };

/** What a reload did: applied as that revision, or nothing at all. */
export type ReloadResult =
  | { readonly kind: "applied"; readonly revision: number }
  | { readonly kind: "refused"; readonly lines: readonly string[] };

/** A worker that got the order to drain and its bound has this much longer before it is killed. */
const drainGraceMs = 2_000;

/** What is running: accepted by every worker. */
interface Current {
  readonly config: Config;
  readonly snapshot: Snapshot;
  readonly allocation: Allocation;
  readonly acceptedAt: number;
}

/** One running instance: sockets, workers, health, and the accepted configuration. Used once: start, then stop. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #parts: SupervisorParts;
  readonly #startedAt: number;
  readonly #names: EndpointNames;
  readonly #health: HealthSource;
  readonly #overrides: Overrides;
  /** Undone in reverse order when the instance ends, however far the start came. */
  readonly #undo: (() => void | Promise<void>)[] = [];
  readonly #slots: WorkerSlot[] = [];
  #state: InstanceState = "starting";
  #counters: Counters | undefined;
  #current: Current | undefined;
  /** Descriptors of the listeners; workers have their own. */
  #listening: readonly number[] = [];
  #inWorkers: ReadonlyMap<string, readonly ListenSocket[]> = new Map();
  /** As workers were started with it. */
  #descriptorLimit: DescriptorLimit = { soft: 0, hard: 0 };
  #admin: AdminAddresses;
  /** Settles when the start cannot add to `#undo` any more. */
  #begun: Promise<unknown> = Promise.resolve();
  /** Ends a start that still waits for its workers. */
  #settleStart: ((result: StartResult) => void) | undefined;
  /** The last of the reloads that run one after the other. */
  #queue: Promise<unknown> = Promise.resolve();
  #stopping: Promise<"clean" | "forced"> | undefined;
  #isForced = false;

  constructor(options: SupervisorOptions, parts: SupervisorParts) {
    this.#options = options;
    this.#parts = parts;
    this.#startedAt = parts.platform.clock.wallMs();
    this.#admin = { socket: options.config.admin.socket };
    const { names, timers } = parts.platform;
    this.#names = new EndpointNames({ names, timers, log: parts.log }, () => void this.#applyFoundNames());
    this.#overrides = new Overrides(options.config, parts.platform, parts.log);
    this.#health = parts.createHealth((states) => {
      this.#broadcast({ kind: "states", states });
      const changed = logHealth(parts.log, this.#current?.snapshot, states, (row) => this.#health.view(row));
      for (const { host } of changed.down) this.#names.suspect(host);
    });
    this.#undo.push(() => this.#health.stop());
    this.#undo.push(() => this.#names.stop());
  }

  /** Settles when every worker accepts connections, or when that will not happen; then nothing is left behind. */
  async start(): Promise<StartResult> {
    const begun = this.#begin();
    this.#begun = begun;
    const result = await begun;
    if (result.kind === "failed") await this.#end(0);
    else if (result.kind === "running") this.#state = "running";
    return result;
  }

  /**
   * Takes another configuration, in place. Nothing of it is used where a part cannot be, or where a worker refuses.
   */
  reload(config: Config): Promise<ReloadResult> {
    return this.#inTurn(async () => {
      const current = this.#current;
      if (current === undefined || this.#state !== "running")
        return { kind: "refused", lines: [`the instance is ${this.#state}`] };
      const blockers = needsRestart(current.config, config);
      if (blockers.length > 0)
        return {
          kind: "refused",
          lines: blockers.map((line) => `${line}: needs a restart in this version`),
        };
      return this.#apply(config, await this.#names.resolveAll(config));
    });
  }

  /** Drains and ends. A second call returns the first one's promise. */
  stop(): Promise<"clean" | "forced"> {
    this.#stopping ??= this.#end(this.#current?.config.process.drainMs ?? 0);
    return this.#stopping;
  }

  /** During `stop`: what still runs is cut off. */
  force(): void {
    this.#isForced = true;
    for (const slot of this.#slots) slot.kill();
  }

  view(): StatusView {
    const { platform } = this.#parts;
    const nowAt = platform.clock.wallMs();
    const counters = this.#counters;
    const current = this.#current;
    const isComplete = counters !== undefined && current !== undefined;
    return {
      version: this.#options.version,
      pid: platform.processes.pid,
      startedAt: this.#startedAt,
      nowAt,
      state: this.#state,
      revision: current?.snapshot.revision ?? 0,
      revisionAt: current?.acceptedAt ?? 0,
      file: this.#options.file,
      admin: this.#admin,
      workers: counters === undefined ? [] : this.#slots.map((slot) => workerView(slot, counters)),
      listeners: isComplete ? listenerViews(current.snapshot, counters) : [],
      pools: isComplete ? poolViews(current.snapshot, current.config, { counters, health: this.#health, nowAt }) : [],
    };
  }

  async #begin(): Promise<StartResult> {
    const { platform, log, startAdmin } = this.#parts;
    const { config } = this.#options;
    const user = this.#workerUser();
    const adminSocket = config.admin.socket;
    // Wherever the admin socket is, workers that are another user must find back to the link when it breaks.
    const linkFolder = user === undefined ? dirname(adminSocket) : instancePaths({ env: {}, uid: 0 }).folder;
    const instance = claimInstance(platform, { adminSocket, linkFolder });
    if (typeof instance === "string") return { kind: "failed", line: instance };
    this.#undo.push(() => instance.release());
    const workers = this.#measure(config);
    const bound = bindListeners(platform.listenSockets, config.listeners);
    if (bound.kind === "failed") return bound;
    for (const warning of bound.warnings) log("warn", "address-missing", warning);
    const { descriptors, inWorkers } = inheritance(bound.sockets);
    this.#inWorkers = inWorkers;
    this.#listening = descriptors;
    this.#undo.push(() => this.#closeListeners());
    const memory = platform.sharedMemory.create(instance.memoryPath, {
      bytes: counterFileBytes(workers),
    });
    if (!memory.ok) return { kind: "failed", line: `shared memory ${instance.memoryPath}: ${memory.text}` };
    this.#counters = initCounters(memory.value, workers);
    try {
      const admin = startAdmin({
        ...config.admin,
        view: () => this.view(),
        change: (request) =>
          overrideOnto(this.#current?.snapshot, request, {
            health: this.#health,
            overrides: this.#overrides,
            log,
            states: (states) => this.#broadcast({ kind: "states", states }),
          }),
        stop: (reason) => this.#parts.stop(reason),
      });
      this.#admin = admin.addresses;
      this.#undo.push(() => admin.stop());
    } catch (error) {
      return { kind: "failed", line: error instanceof Error ? error.message : String(error) };
    }
    this.#overrides.load();
    const resolved = await this.#names.resolveAll(config);
    if (this.#stopping !== undefined) return { kind: "stopped" };
    const refused = this.#adopt(config, resolved);
    if (refused !== undefined) return { kind: "failed", line: refused };
    return this.#startWorkers(instance, { workers, descriptors, user });
  }

  /** Raises the descriptor limit as far as it is needed and allowed; returns the number of workers. */
  #measure({ process }: Config): number {
    const { platform } = this.#parts;
    const workers = workerCount(process, platform.processes.cores);
    this.#descriptorLimit = platform.limits.raiseDescriptors(descriptorsWanted(process, workers));
    return workers;
  }

  #startWorkers(
    instance: Instance,
    { workers, descriptors, user }: { workers: number; descriptors: readonly number[]; user: UserIds | undefined },
  ): StartResult | Promise<StartResult> {
    const { platform, log } = this.#parts;
    try {
      const handlers: LinkServerHandlers = {
        hello: (link) => this.#hello(link),
        message: (link, message) => this.#message(link, message),
        closed: (link) => this.#slotOf(link)?.unlinked(link),
        rejected: (why) => log("warn", "link-rejected", `a connection on ${instance.linkPath} was refused: ${why}`),
      };
      // Mode 0600 from its first moment: whoever gets in is believed to be a worker.
      const server = withUmask(0o177, () => listenForWorkers(instance.linkPath, handlers));
      this.#undo.push(() => server.stop());
    } catch (error) {
      return { kind: "failed", line: `worker link ${instance.linkPath}: ${String(error)}` };
    }
    if (user !== undefined) platform.files.setOwner(instance.linkPath, user);
    for (let index = 0; index < workers; index++) {
      const slot = new WorkerSlot(index, {
        platform,
        log,
        spawnOptions: () => ({
          command: this.#workerCommand(index, instance, user),
          env: workerEnvironment,
          descriptors,
        }),
        onDeath: () => this.#counters?.retire(index),
        onHeldDown: (_slot, text) =>
          this.#settleStart?.({
            kind: "failed",
            line: `${text}, again and again; see its lines above`,
          }),
      });
      this.#slots.push(slot);
    }
    return new Promise((resolve) => {
      this.#settleStart = (result) => {
        this.#settleStart = undefined;
        resolve(result);
      };
      for (const slot of this.#slots) slot.start();
    });
  }

  #workerCommand(index: number, { linkPath, memoryPath }: Instance, user: UserIds | undefined): readonly string[] {
    const drainMs = this.#current?.config.process.drainMs ?? 0;
    const options = [
      "--index",
      String(index),
      "--link",
      linkPath,
      "--memory",
      memoryPath,
      "--drain-ms",
      String(drainMs),
    ];
    const become = user === undefined ? [] : ["--uid", String(user.uid), "--gid", String(user.gid)];
    return [...this.#options.workerCommand, ...options, ...become];
  }

  /** Who workers are; absent: who we are. */
  #workerUser(): UserIds | undefined {
    const { platform, log } = this.#parts;
    const { user } = this.#options.config.process;
    if (platform.processes.uid !== 0) return undefined;
    const ids = user === undefined ? undefined : platform.processes.userIds(user);
    if (ids === undefined) {
      const why = user === undefined ? "process.user is not set" : `there is no user ${user} (process.user)`;
      log("warn", "workers-as-root", `running workers as root: ${why}`);
    }
    return ids;
  }

  #hello(link: WorkerLink): void {
    const slot = this.#slotOf(link);
    const current = this.#current;
    if (slot === undefined || current === undefined) {
      // A worker of a supervisor that was killed: this one has its own.
      this.#parts.log(
        "warn",
        "worker-orphaned",
        `worker process ${link.pid} of an earlier supervisor is told to drain`,
      );
      return link.send({ kind: "drain", drainMs: current?.config.process.drainMs ?? 0 });
    }
    slot.linked(link);
    link.send({ kind: "welcome", snapshot: current.snapshot, states: this.#health.states() });
  }

  #message(link: WorkerLink, message: ToSupervisor): void {
    const slot = this.#slotOf(link);
    if (slot === undefined) return;
    switch (message.kind) {
      case "ready":
        return this.#ready(slot, message.revision);
      case "prepared":
      case "refused":
      case "committed":
        return slot.answered(message);
      case "trouble":
        return this.#health.trouble(message.row, message.counts, this.#counters?.goodAnswers(message.row) ?? 0);
      case "log":
        return this.#parts.log(message.level, message.code, message.text, { worker: link.index });
      case "drained":
      case "hello":
        // The end of the process says the first; a second hello on one connection means nothing.
        return;
      default:
        message satisfies never;
    }
  }

  #ready(slot: WorkerSlot, revision: number): void {
    const isBack = this.#state === "running" && slot.state === "starting";
    slot.ready(revision);
    if (isBack) this.#parts.log("info", "worker-back", `worker ${slot.index} (pid ${slot.pid}) is ready`);
    if (this.#current !== undefined && revision !== this.#current.snapshot.revision) {
      void this.#inTurn(() => this.#catchUp(slot));
    }
    if (this.#slots.every(({ state }) => state === "ready")) this.#settleStart?.({ kind: "running" });
  }

  #slotOf({ index, pid }: WorkerLink): WorkerSlot | undefined {
    const slot = this.#slots[index];
    return slot?.pid === pid ? slot : undefined;
  }

  /** Compiles the first configuration. A text says why it cannot be used. */
  #adopt(config: Config, resolved: ResolvedNames): string | undefined {
    const compiled = this.#compile(config, resolved, emptyAllocation({ rows: endpointsMax, slots: listenersMax }));
    if (compiled.kind === "refused") return compiled.why;
    this.#names.use(resolved);
    this.#use(config, compiled);
    return undefined;
  }

  /** Prepare → commit through all workers; on any refusal everything stays as it was. */
  async #apply(config: Config, resolved: ResolvedNames): Promise<ReloadResult> {
    const before = this.#current!.allocation; // a reload runs only while something is running
    const compiled = this.#compile(config, resolved, before);
    if (compiled.kind === "refused") return { kind: "refused", lines: [compiled.why] };
    const { snapshot } = compiled;
    const { revision } = snapshot;
    const asked = this.#slots.filter(({ state }) => state === "ready");
    const answers = await Promise.all(asked.map((slot) => slot.ask({ kind: "prepare", snapshot }, revision)));
    const refusals = answers.flatMap((answer, index) =>
      answer.kind === "refused" ? [`worker ${asked[index]!.index}: ${answer.why}`] : [],
    );
    if (refusals.length > 0 || this.#stopping !== undefined) {
      this.#broadcast({ kind: "discard", revision });
      return {
        kind: "refused",
        lines: refusals.length > 0 ? refusals : ["the instance is draining"],
      };
    }
    this.#names.use(resolved);
    this.#use(config, compiled);
    const states = this.#health.states();
    const prepared = asked.filter((_slot, index) => answers[index]!.kind === "done");
    await Promise.all(prepared.map((slot) => slot.ask({ kind: "commit", revision, states }, revision)));
    // Workers that were welcomed with the revision before while this one was prepared.
    for (const slot of this.#slots) if (slot.state === "ready" && slot.revision !== revision) await this.#catchUp(slot);
    return { kind: "applied", revision };
  }

  /** Brings a worker that started during a reload to the current revision; one that cannot follow is replaced. */
  async #catchUp(slot: WorkerSlot): Promise<void> {
    const current = this.#current;
    if (current === undefined || slot.state !== "ready" || slot.revision === current.snapshot.revision) return;
    const { snapshot } = current;
    const { revision } = snapshot;
    const prepared = await slot.ask({ kind: "prepare", snapshot }, revision);
    const states = this.#health.states();
    const answer = prepared.kind === "done" ? await slot.ask({ kind: "commit", revision, states }, revision) : prepared;
    if (answer.kind !== "refused") return;
    this.#parts.log(
      "error",
      "worker-behind",
      `worker ${slot.index} does not take revision ${revision} (${answer.why}); it is replaced`,
    );
    slot.kill();
  }

  #compile(config: Config, resolved: ResolvedNames, before: Allocation): ReturnType<typeof compile> {
    const workers = workerCount(config.process, this.#parts.platform.processes.cores);
    const { connectionsMax, warning } = capacity(config.process, workers, this.#descriptorLimit);
    if (warning !== undefined) this.#parts.log("warn", "descriptor-limit", warning);
    return compile({
      revision: (this.#current?.snapshot.revision ?? 0) + 1,
      config,
      before,
      isRowBusy: (row) => this.#counters?.isEndpointBusy(row) ?? false,
      addresses: resolved.addresses,
      sockets: this.#inWorkers,
      connectionsMax,
    });
  }

  #use(config: Config, compiled: Extract<ReturnType<typeof compile>, { kind: "compiled" }>): void {
    const { snapshot, allocation } = compiled;
    for (const row of compiled.reusedRows) this.#counters?.clearEndpoint(row);
    for (const slot of compiled.reusedSlots) this.#counters?.clearListener(slot);
    this.#current = {
      config,
      snapshot,
      allocation,
      acceptedAt: this.#parts.platform.clock.wallMs(),
    };
    this.#overrides.keepOnly(config);
    this.#health.update(checkedPools(config, snapshot, this.#overrides));
  }

  /** A name of the current configuration has got an address: the same configuration, a new snapshot. */
  #applyFoundNames(): Promise<void> {
    return this.#inTurn(async () => {
      const current = this.#current;
      if (current === undefined || this.#state !== "running") return;
      const result = await this.#apply(current.config, this.#names.known);
      if (result.kind === "refused")
        this.#parts.log("error", "names-refused", `new endpoint addresses were refused: ${result.lines.join("; ")}`);
    });
  }

  /** Once the workers have closed theirs too, connecting is refused. */
  #closeListeners(): void {
    for (const fd of this.#listening) this.#parts.platform.listenSockets.close(fd);
    this.#listening = [];
  }

  #broadcast(message: Parameters<WorkerSlot["send"]>[0]): void {
    for (const slot of this.#slots) slot.send(message);
  }

  async #end(drainMs: number): Promise<"clean" | "forced"> {
    const { timers } = this.#parts.platform;
    this.#state = "draining";
    this.#settleStart?.({ kind: "stopped" });
    await this.#begun;
    this.#closeListeners();
    const cancel: Cancel = timers.after(drainMs + drainGraceMs, () => {
      const late = this.#slots.filter(({ pid }) => pid !== 0);
      this.#parts.log("error", "drain-ignored", `${late.length} workers did not end in time; they are killed`);
      this.force();
    });
    await Promise.all(this.#slots.map((slot) => slot.drain(drainMs)));
    cancel();
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) await undo();
    return this.#isForced ? "forced" : "clean";
  }

  /** Changes of the configuration never overlap. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(run);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }
}

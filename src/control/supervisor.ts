import { dirname } from "node:path";
import { compile, emptyAllocation, type Allocation, type CompileInput } from "../core/config/snapshot.ts";
import { needsRestart } from "../core/config/delta.ts";
import type { Config } from "../model/config.ts";
import type { OverrideRequest } from "../model/override.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { AdminAddresses, InstanceState, StatusView } from "../model/status.ts";
import type { Counters } from "../observe/counter-file.ts";
import { endpointsMax, listenersMax, poolsMax } from "../observe/counters.ts";
import type { Log } from "../observe/log.ts";
import { instancePaths } from "../platform/instance-paths.ts";
import type { DescriptorLimit, Platform } from "../platform/ports.ts";
import { capacity, raiseDescriptors, workerCount } from "./capacity.ts";
import { EndpointNames, type ResolvedNames } from "./endpoint-names.ts";
import { logHealth } from "./health-log.ts";
import type { CreateHealthSource, HealthSource } from "./health-source.ts";
import type { AdminCommands, ReloadResult, StartAdmin } from "./commands.ts";
import { claimInstance, type Instance } from "./instance.ts";
import type { Handover } from "./handover.ts";
import { type KeptState, readState, StateFile } from "./kept-state.ts";
import { type Bound, type BoundSocket, bindListeners, inheritedSockets } from "./listeners.ts";
import { RollOut } from "./roll-out.ts";
import { foundCounters, newCounters } from "./counter-memory.ts";
import { checkedPools } from "./checked-pools.ts";
import { type ChangeResult, overrideOnto } from "./endpoint-override.ts";
import { Overrides } from "./overrides.ts";
import { listenerViews, poolViews, workerView } from "./status-view.ts";
import type { WorkerSlot } from "./worker-slot.ts";
import { WorkerTeam } from "./worker-team.ts";
import { workerUser } from "./worker-user.ts";

export interface SupervisorOptions {
  readonly version: string;
  /** Absolute path of the configuration file. */
  readonly file: string;
  readonly config: Config;
  /** Program and arguments that start a worker; `--index` and the rest are appended. */
  readonly workerCommand: readonly string[];
  /** What the program left that this process was before. */
  readonly handover?: Handover;
}

export interface SupervisorParts {
  readonly platform: Platform;
  readonly log: Log;
  readonly createHealth: CreateHealthSource;
  readonly startAdmin: StartAdmin;
  /** What someone asks for over the admin API; whoever runs the supervisor decides and calls its methods. */
  readonly commands: AdminCommands;
}

/** `stopped`: someone asked for the end before the start was over. */
export type StartResult =
  | { readonly kind: "running" }
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly line: string };

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
  readonly #team: WorkerTeam;
  readonly #rollOut: RollOut;
  readonly #stateFile: StateFile;
  #state: InstanceState = "starting";
  #counters: Counters | undefined;
  #current: Current | undefined;
  /** Sockets of the listeners, by listener; workers have their own descriptors of them. */
  #listening: ReadonlyMap<string, readonly BoundSocket[]> = new Map();
  #nextSocketId = 1;
  #instance: Instance | undefined;
  /** Of the supervisor before, where its workers still run. */
  #before: KeptState | undefined;
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
    this.#team = this.#newTeam();
    this.#stateFile = new StateFile(parts.platform.files, parts.log);
    this.#rollOut = new RollOut(parts.log, parts.platform.clock, this.#team);
    this.#names = new EndpointNames({ names, timers, log: parts.log }, () => void this.#applyFoundNames());
    this.#overrides = new Overrides(options.config, parts.platform, parts.log);
    this.#health = parts.createHealth((states) => {
      this.#team.broadcast({ kind: "states", states });
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
    if (result.kind === "failed") await this.#end(true);
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
      if (blockers.length > 0) return { kind: "refused", lines: blockers };
      return this.#apply(config, await this.#names.resolveAll(config));
    });
  }

  /** Drains and ends. A second call returns the first one's promise. */
  stop(): Promise<"clean" | "forced"> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  /** During `stop`: what still runs is cut off. */
  force(): void {
    this.#isForced = true;
    this.#team.killAll();
  }

  /**
   * Becomes another program under the same process id: it inherits the listening sockets and takes the place of these
   * workers with its own. Returns where that is not possible now; everything is as before then.
   */
  becomeProgram(command: readonly string[]): Promise<string> {
    return this.#inTurn(async () => {
      const refused = this.cannotUpgrade();
      if (refused !== undefined) return refused;
      const { platform } = this.#parts;
      const { lock } = this.#instance!; // running, so it was claimed
      this.#remember();
      const sockets = [...this.#listening.values()].flat();
      const handover: Handover = {
        lock,
        sockets: sockets.map(({ id, fd }) => ({ id, fd })),
      };
      const kept = [lock, ...sockets.map(({ fd }) => fd)];
      const { text } = platform.processes.replaceThis({ command, kept, handover: JSON.stringify(handover) });
      return `${command[0]}: ${text}`;
    });
  }

  /** Why an upgrade is not possible at this moment; absent: it is. */
  cannotUpgrade(): string | undefined {
    // New workers that do not start are a reason for an upgrade: back to the program of before.
    const isStalled = this.#state === "starting" && this.#team.earlier.size > 0;
    if (this.#state !== "running" && !isStalled) return `the instance is ${this.#state}`;
    if (this.#team.hasColumns(this.#team.slots.length)) return undefined;
    return `${this.#team.earlier.size} workers of the last upgrade still finish what they have`;
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
      workers: counters === undefined ? [] : this.#team.slots.map((slot) => workerView(slot, counters)),
      listeners: isComplete ? listenerViews(current.snapshot, counters) : [],
      pools: isComplete ? poolViews(current.snapshot, current.config, { counters, health: this.#health, nowAt }) : [],
    };
  }

  async #begin(): Promise<StartResult> {
    const { platform, log, startAdmin } = this.#parts;
    const { config } = this.#options;
    const user = workerUser(platform, log, config.process.user);
    const adminSocket = config.admin.socket;
    // Wherever the admin socket is, workers that are another user must find back to the link when it breaks.
    const linkFolder = user === undefined ? dirname(adminSocket) : instancePaths({ env: {}, uid: 0 }).folder;
    const { handover } = this.#options;
    const places = { adminSocket, linkFolder, ...(handover === undefined ? {} : { inheritedLock: handover.lock }) };
    const instance = claimInstance(platform, places);
    if (typeof instance === "string") return { kind: "failed", line: instance };
    this.#instance = instance;
    this.#undo.push(() => instance.release({ leavesWorkers: this.#team.earlier.size > 0 }));
    const workers = this.#measure(config);
    try {
      this.#undo.push(this.#team.listen(instance, user));
    } catch (error) {
      return { kind: "failed", line: error instanceof Error ? error.message : String(error) };
    }
    const bound = await this.#findSockets(instance);
    if (bound.kind === "failed") return bound;
    const keepsMemory = this.#openMemory(instance, workers);
    if (typeof keepsMemory === "string") return { kind: "failed", line: keepsMemory };
    try {
      const admin = startAdmin({
        ...config.admin,
        view: () => this.view(),
        change: (request) => this.#override(request),
        commands: this.#parts.commands,
      });
      this.#admin = admin.addresses;
      this.#undo.push(() => admin.stop());
    } catch (error) {
      return { kind: "failed", line: error instanceof Error ? error.message : String(error) };
    }
    this.#overrides.load();
    const resolved = await this.#names.resolveAll(config);
    if (this.#stopping !== undefined) return { kind: "stopped" };
    const refused = this.#useFirst(config, resolved);
    if (refused !== undefined) return { kind: "failed", line: refused };
    if (this.#team.earlier.size > 0) {
      const pids = [...this.#team.earlier].map(({ pid }) => pid).join(", ");
      const fate = handover !== undefined || !keepsMemory ? "new ones take their place" : "they are taken over";
      log("info", "workers-found", `workers of the supervisor before run (pid ${pids}): ${fate}`);
    }
    return new Promise((resolve) => {
      this.#settleStart = (result) => {
        this.#settleStart = undefined;
        resolve(result);
      };
      this.#team.start(workers, {
        keepsEarlier: handover === undefined && keepsMemory,
        isEarlierInStep: this.#before !== undefined,
      });
    });
  }

  /**
   * The listening sockets: those that this process inherited or that workers of the supervisor before hand over, and new
   * ones for the rest.
   */
  async #findSockets(instance: Instance): Promise<Bound> {
    const { platform, log } = this.#parts;
    const { config, handover } = this.#options;
    const before = readState(platform.files, instance.statePath);
    const handedOver = await this.#team.gather(before?.workers ?? []);
    if (this.#team.earlier.size > 0) this.#before = before;
    const found = [...(handover?.sockets ?? []), ...handedOver];
    this.#nextSocketId = Math.max(before?.nextSocketId ?? 1, ...found.map(({ id }) => id + 1));
    const known = inheritedSockets(platform.listenSockets, before?.sockets ?? [], found);
    const bound = this.#bind(config, known);
    for (const { fd } of bound.kind === "bound" ? bound.unused : known) platform.listenSockets.close(fd);
    if (bound.kind === "failed") return bound;
    for (const warning of bound.warnings) log("warn", "address-missing", warning);
    this.#listening = bound.sockets;
    this.#undo.push(() => this.#closeListeners());
    return bound;
  }

  #bind({ listeners }: Config, before: readonly BoundSocket[]): Bound {
    const newId = () => this.#nextSocketId++;
    return bindListeners(this.#parts.platform.listenSockets, listeners, { before, newId });
  }

  /** The counters: those of before where their workers go on and all fit into them. A text says why there are none. */
  #openMemory({ memoryPath }: Instance, workers: number): boolean | string {
    const { platform } = this.#parts;
    const found = this.#before === undefined ? undefined : foundCounters(platform, memoryPath);
    if (found !== undefined) {
      this.#counters = found;
      const isReplacing = this.#options.handover !== undefined;
      const missing = isReplacing ? workers : Math.max(0, workers - this.#team.earlier.size);
      if (this.#team.hasColumns(missing)) return true;
    }
    // Workers of before count into a file that nobody reads any more.
    for (const slot of this.#team.earlier) slot.column = undefined;
    this.#before = undefined;
    const made = newCounters(platform, memoryPath, workers);
    if (typeof made === "string") return made;
    this.#counters = made;
    return false;
  }

  /** Raises the descriptor limit as far as it is needed and allowed; returns the number of workers. */
  #measure({ process }: Config): number {
    const { limits, processes } = this.#parts.platform;
    const workers = workerCount(process, processes.cores);
    this.#descriptorLimit = raiseDescriptors(limits, process, workers);
    return workers;
  }

  #newTeam(): WorkerTeam {
    const { platform, log } = this.#parts;
    return new WorkerTeam({
      platform,
      log,
      workerCommand: this.#options.workerCommand,
      welcome: () => this.#welcome(),
      counters: () => this.#counters,
      drainMs: () => this.#current?.config.process.drainMs ?? 0,
      message: (_slot, { row, counts }) => this.#health.trouble(row, counts, this.#counters?.goodAnswers(row) ?? 0),
      ready: (slot, revision) => this.#ready(slot, revision),
      changed: () => this.#remember(),
      heldDown: (text) => {
        if (this.#state !== "starting") return;
        if (this.#team.earlier.size > 0 || this.#before !== undefined) {
          log("error", "upgrade-stalled", "new workers do not start; those of before go on serving");
        } else this.#settleStart?.({ kind: "failed", line: `${text}, again and again; see its lines above` });
      },
    });
  }

  #override(request: OverrideRequest): ChangeResult {
    return overrideOnto(this.#current?.snapshot, request, {
      health: this.#health,
      overrides: this.#overrides,
      log: this.#parts.log,
      states: (states) => this.#team.broadcast({ kind: "states", states }),
    });
  }

  #welcome(): ReturnType<ConstructorParameters<typeof WorkerTeam>[0]["welcome"]> {
    const snapshot = this.#current?.snapshot;
    if (snapshot === undefined) return undefined;
    return { snapshot, states: this.#health.states(), sockets: [...this.#listening.values()].flat() };
  }

  /** For a supervisor that may have to follow this one. */
  #remember(next?: { readonly revision: number; readonly allocation: Allocation }): void {
    const current = this.#current;
    const instance = this.#instance;
    if (current === undefined || instance === undefined) return;
    this.#stateFile.write(instance.statePath, {
      revision: next?.revision ?? current.snapshot.revision,
      allocation: next?.allocation ?? current.allocation,
      sockets: [...this.#listening.values()].flat(),
      nextSocketId: this.#nextSocketId,
      workers: this.#team.processes,
    });
  }

  #ready(slot: WorkerSlot, revision: number): void {
    const isBack = this.#state === "running" && slot.state === "starting";
    slot.ready(revision);
    if (isBack) this.#parts.log("info", "worker-back", `worker ${slot.index} (pid ${slot.pid}) is ready`);
    const current = this.#current?.snapshot;
    if (current !== undefined && revision !== current.revision) void this.#inTurn(() => this.#catchUp(slot));
    if (!this.#team.slots.every(({ state }) => state === "ready")) return;
    this.#settleStart?.({ kind: "running" });
    this.#team.drainEarlier();
  }

  async #catchUp(slot: WorkerSlot): Promise<void> {
    const welcome = this.#welcome();
    if (welcome !== undefined) await this.#rollOut.catchUp(slot, welcome);
  }

  /** Compiles the first configuration. A text says why it cannot be used. */
  #useFirst(config: Config, resolved: ResolvedNames): string | undefined {
    const before =
      this.#before?.allocation ?? emptyAllocation({ rows: endpointsMax, slots: listenersMax, pools: poolsMax });
    const compiled = this.#compile(config, resolved, { before, sockets: this.#listening });
    if (compiled.kind === "refused") return compiled.why;
    this.#names.use(resolved);
    this.#use(config, compiled);
    this.#remember();
    return undefined;
  }

  /** Prepare → commit through all workers; on any refusal everything stays as it was. */
  async #apply(config: Config, resolved: ResolvedNames): Promise<ReloadResult> {
    const { listenSockets } = this.#parts.platform;
    const before = this.#current!.allocation; // a reload runs only while something is running
    const bound = this.#bind(config, [...this.#listening.values()].flat());
    if (bound.kind === "failed") return { kind: "refused", lines: [bound.line] };
    const giveUp = (...lines: readonly string[]): ReloadResult => {
      for (const { fd } of bound.opened) listenSockets.close(fd);
      return { kind: "refused", lines };
    };
    const compiled = this.#compile(config, resolved, { before, sockets: bound.sockets });
    if (compiled.kind === "refused") return giveUp(compiled.why);
    const { snapshot, allocation } = compiled;
    const { revision } = snapshot;
    const prepared = await this.#rollOut.prepare(snapshot, bound.opened);
    if (prepared.refusals.length > 0 || this.#stopping !== undefined) {
      this.#team.broadcast({ kind: "discard", revision });
      return giveUp(...(prepared.refusals.length > 0 ? prepared.refusals : ["the instance is draining"]));
    }
    this.#names.use(resolved);
    this.#listening = bound.sockets;
    this.#remember({ revision, allocation });
    this.#use(config, compiled);
    for (const warning of bound.warnings) this.#parts.log("warn", "address-missing", warning);
    const commitMs = await this.#rollOut.commit(revision, this.#health.states(), prepared.slots);
    // Workers that were welcomed with the revision before while this one was prepared.
    for (const slot of this.#team.slots) await this.#catchUp(slot);
    for (const { fd } of bound.unused) listenSockets.close(fd);
    return { kind: "applied", revision, commitMs };
  }

  #compile(
    config: Config,
    resolved: ResolvedNames,
    known: Pick<CompileInput, "before" | "sockets">,
  ): ReturnType<typeof compile> {
    const workers = workerCount(config.process, this.#parts.platform.processes.cores);
    const { workerConnectionsMax, warning } = capacity(config.process, workers, this.#descriptorLimit);
    if (warning !== undefined) this.#parts.log("warn", "descriptor-limit", warning);
    return compile({
      revision: (this.#current?.snapshot.revision ?? this.#before?.revision ?? 0) + 1,
      config,
      ...known,
      isRowBusy: (row) => this.#counters?.isEndpointBusy(row) ?? false,
      isSlotBusy: (slot) => this.#counters?.isListenerBusy(slot) ?? false,
      isPoolBusy: (slot) => this.#counters?.isPoolBusy(slot) ?? false,
      addresses: resolved.addresses,
      connectionsMax: config.process.connections,
      workerConnectionsMax,
    });
  }

  #use(config: Config, compiled: Extract<ReturnType<typeof compile>, { kind: "compiled" }>): void {
    const { snapshot, allocation } = compiled;
    this.#counters?.clearReused(compiled);
    const isFirst = this.#current === undefined;
    this.#current = {
      config,
      snapshot,
      allocation,
      acceptedAt: this.#parts.platform.clock.wallMs(),
    };
    this.#overrides.keepOnly(config);
    const known = isFirst && this.#before !== undefined ? this.#team.statesOfEarlier() : [];
    this.#health.update(checkedPools(config, snapshot, this.#overrides), known);
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
    for (const { fd } of [...this.#listening.values()].flat()) this.#parts.platform.listenSockets.close(fd);
    this.#listening = new Map();
  }

  async #end(isFailedStart = false): Promise<"clean" | "forced"> {
    this.#state = "draining";
    this.#settleStart?.({ kind: "stopped" });
    await this.#begun;
    this.#closeListeners();
    // A start that failed has started nobody, or nobody that ran; workers of before go on without a supervisor.
    if (isFailedStart) this.#team.slots.forEach((slot) => slot.kill());
    const isClean = isFailedStart || (await this.#team.drainAll());
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) await undo();
    return isClean && !this.#isForced ? "clean" : "forced";
  }

  /** Changes of the configuration never overlap. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(run);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }
}

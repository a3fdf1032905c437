import { workerEnvironment } from "../engine/worker/environment.ts";
import { listenForWorkers, type LinkServerHandlers, type WorkerLink } from "../engine/worker/link-server.ts";
import { descriptorsPath, type EndpointRowState, type ToSupervisor, type ToWorker } from "../model/link.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { Counters } from "../observe/counter-file.ts";
import { WorkerSlot as CounterSlot } from "../observe/counters.ts";
import type { Log } from "../observe/log.ts";
import type { Cancel, DescriptorChannel, NumberedDescriptor, Platform, UserIds } from "../platform/ports.ts";
import { withUmask } from "../platform/umask.ts";
import { HungWatch } from "./hung-watch.ts";
import type { Instance } from "./instance.ts";
import type { KeptWorker } from "./kept-state.ts";
import type { BoundSocket } from "./listeners.ts";
import { WorkerSlot } from "./worker-slot.ts";

export interface TeamPorts {
  readonly platform: Platform;
  readonly log: Log;
  readonly workerCommand: readonly string[];
  /** What a worker that says hello gets; absent: nothing yet. */
  welcome(): Welcome | undefined;
  /** Absent before there are any. */
  counters(): Counters | undefined;
  drainMs(): number;
  message(slot: WorkerSlot, message: WorkerMessage): void;
  ready(slot: WorkerSlot, revision: number): void;
  heldDown(text: string): void;
  /** Other processes are workers now. */
  changed(): void;
}

export interface Welcome {
  readonly snapshot: Snapshot;
  readonly states: readonly EndpointRowState[];
  readonly sockets: readonly BoundSocket[];
}

export type WorkerMessage = Extract<ToSupervisor, { kind: "trouble" }>;

/** A worker of an earlier supervisor reconnects within 200 ms; one that does not is busy, hung, or of another version. */
const gatherMs = 2_000;
/** A worker that got the order to drain and its bound has this much longer before it is killed. */
const drainGraceMs = 2_000;
const hungLookMs = 500;

/** The workers of an instance: those in their places, and those of earlier programs that still finish what they have. */
export class WorkerTeam {
  readonly slots: WorkerSlot[] = [];
  /** Adopted, and not (yet) in a place. */
  readonly earlier = new Set<WorkerSlot>();
  readonly #ports: TeamPorts;
  readonly #hung: HungWatch;
  #instance: Instance | undefined;
  #user: UserIds | undefined;
  #acceptChannels: () => readonly { readonly pid: number; readonly channel: DescriptorChannel }[] = () => [];
  readonly #channels = new Map<number, DescriptorChannel>();
  /** While earlier workers are waited for: the sockets that came with them. */
  #gathering: { readonly found: Map<number, NumberedDescriptor>; readonly settle: () => void } | undefined;
  #isEarlierInStep = false;
  #cancelWatch: Cancel | undefined;

  constructor(ports: TeamPorts) {
    this.#ports = ports;
    this.#hung = new HungWatch(ports.platform.clock);
  }

  /** Opens the link and the way for descriptors. Throws an Error whose message is fit to be printed. */
  listen(instance: Instance, user: UserIds | undefined): Cancel {
    const { platform, log } = this.#ports;
    this.#instance = instance;
    this.#user = user;
    const path = descriptorsPath(instance.linkPath);
    const channels = platform.descriptorChannels.listen(path);
    if (!channels.ok) throw new Error(`worker link ${path}: ${channels.text}`);
    if (user !== undefined) platform.files.setOwner(path, user);
    this.#acceptChannels = () => channels.value.accept();
    const handlers: LinkServerHandlers = {
      hello: (link) => this.#hello(link),
      message: (link, message) => this.#message(link, message),
      closed: (link) => this.#find(link.pid)?.unlinked(link),
      rejected: (why) => log("warn", "link-rejected", `a connection on ${instance.linkPath} was refused: ${why}`),
    };
    try {
      // Mode 0600 from its first moment: whoever gets in is believed to be a worker.
      const server = withUmask(0o177, () => listenForWorkers(instance.linkPath, handlers));
      if (user !== undefined) platform.files.setOwner(instance.linkPath, user);
      return () => {
        this.#cancelWatch?.();
        server.stop();
        channels.value.stop();
      };
    } catch (error) {
      channels.value.stop();
      throw new Error(`worker link ${instance.linkPath}: ${String(error)}`, { cause: error });
    }
  }

  /**
   * Waits for the workers of an earlier supervisor and returns the listening sockets that they handed over. They are in
   * `earlier` then, the silent ones too.
   */
  async gather(workers: readonly KeptWorker[]): Promise<readonly NumberedDescriptor[]> {
    for (const { index, column, pid } of workers) {
      const slot = this.#newSlot(index, column);
      if (slot.adopt(pid)) this.earlier.add(slot);
    }
    const found = new Map<number, NumberedDescriptor>();
    if (this.earlier.size > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#ports.platform.timers.after(gatherMs, resolve);
        this.#gathering = {
          found,
          settle: () => {
            cancel();
            resolve();
          },
        };
      });
      this.#gathering = undefined;
    }
    return [...found.values()];
  }

  /**
   * Fills the places: with earlier workers, as far as `keepsEarlier` and as they can be used, and with new ones. Every
   * slot that is not filled by an earlier one needs a column of its own.
   */
  start(count: number, options: { readonly keepsEarlier: boolean; readonly isEarlierInStep: boolean }): void {
    this.#isEarlierInStep = options.isEarlierInStep;
    const usable = [...this.earlier].filter(({ link }) => link !== undefined && !link.hello.isDraining);
    const kept = options.keepsEarlier ? usable.slice(0, count) : [];
    for (const slot of kept) this.earlier.delete(slot);
    const used = new Set([...kept, ...this.earlier].map(({ column }) => column));
    let column = 0;
    for (let index = 0; index < count; index++) {
      const before = kept.shift();
      if (before !== undefined) {
        before.index = index;
        before.keep();
        this.slots.push(before);
        this.#welcome(before);
        continue;
      }
      while (used.has(column)) column++;
      const slot = this.#newSlot(index, column++);
      this.slots.push(slot);
      slot.start();
    }
    this.#tellColumns();
    this.#cancelWatch = this.#ports.platform.timers.every(hungLookMs, () => this.#endHung());
  }

  /** Whether so many more workers have columns of their own. */
  hasColumns(count: number): boolean {
    const used = [...this.slots, ...this.earlier].filter(({ pid, column }) => pid !== 0 && column !== undefined);
    return (this.#ports.counters()?.workers ?? 0) - used.length >= count;
  }

  /** Their places are filled: they finish what they have. */
  drainEarlier(): void {
    for (const slot of this.earlier) void this.#drain(slot);
  }

  /** Drains all; settles when the last one is gone. False: some had to be killed. */
  async drainAll(): Promise<boolean> {
    const all = [...this.slots, ...this.earlier].map((slot) => this.#drain(slot));
    return (await Promise.all(all)).every(Boolean);
  }

  killAll(): void {
    for (const slot of [...this.slots, ...this.earlier]) slot.kill();
  }

  broadcast(message: ToWorker): void {
    for (const slot of this.slots) slot.send(message);
    // Only where their rows mean the same endpoints.
    if (this.#isEarlierInStep && message.kind === "states") for (const slot of this.earlier) slot.send(message);
  }

  /** States as the earlier worker knows them that came farthest. */
  statesOfEarlier(): readonly EndpointRowState[] {
    const hellos = [...this.earlier].flatMap(({ link }) => (link === undefined ? [] : [link.hello]));
    hellos.sort((one, other) => (other.revision ?? 0) - (one.revision ?? 0));
    return hellos[0]?.states ?? [];
  }

  get processes(): readonly KeptWorker[] {
    return [...this.slots, ...this.earlier].flatMap(({ index, column, pid }) =>
      pid === 0 || column === undefined ? [] : [{ index, column, pid }],
    );
  }

  #newSlot(index: number, column: number): WorkerSlot {
    const { platform, log } = this.#ports;
    return new WorkerSlot(index, column, {
      platform,
      log,
      spawnOptions: (slot) => ({ command: this.#command(slot), env: workerEnvironment, descriptors: [] }),
      onStart: () => this.#ports.changed(),
      onDeath: (slot) => this.#buried(slot),
      onHeldDown: (_slot, text) => this.#ports.heldDown(text),
    });
  }

  #command({ index, column }: WorkerSlot): readonly string[] {
    const { linkPath, memoryPath } = this.#instance!; // made by `listen`, before any slot
    const options = {
      index,
      column,
      link: linkPath,
      memory: memoryPath,
      "drain-ms": this.#ports.drainMs(),
      ...this.#user,
    };
    return [
      ...this.#ports.workerCommand,
      ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ];
  }

  #buried(slot: WorkerSlot): void {
    if (slot.column !== undefined) this.#ports.counters()?.retire(slot.column);
    if (!this.earlier.delete(slot)) return;
    this.#tellColumns();
    this.#gatheredOne();
    this.#ports.changed();
  }

  async #drain(slot: WorkerSlot): Promise<boolean> {
    const { platform, log } = this.#ports;
    const drainMs = this.#ports.drainMs();
    let isKilled = false;
    const cancel = platform.timers.after(drainMs + drainGraceMs, () => {
      isKilled = true;
      log("error", "drain-ignored", `worker ${slot.index} (pid ${slot.pid}) did not end in time; it is killed`);
      slot.kill();
    });
    await slot.drain(drainMs);
    cancel();
    return !isKilled;
  }

  #hello(link: WorkerLink): void {
    for (const { pid, channel } of this.#acceptChannels()) {
      this.#channels.get(pid)?.close();
      this.#channels.set(pid, channel);
    }
    const channel = this.#channels.get(link.pid);
    this.#channels.delete(link.pid);
    const slot = this.#find(link.pid);
    if (slot === undefined) {
      this.#ports.log("warn", "worker-orphaned", `worker process ${link.pid} is nobody's here; it is told to drain`);
      return link.send({ kind: "drain", drainMs: this.#ports.drainMs() });
    }
    slot.linked(link, channel);
    this.#keep(channel?.receive() ?? []);
    if (this.earlier.has(slot)) this.#gatheredOne();
    else this.#welcome(slot);
  }

  /** One descriptor per socket, and only while they are asked for. */
  #keep(descriptors: readonly NumberedDescriptor[]): void {
    for (const descriptor of descriptors) {
      const found = this.#gathering?.found;
      if (found === undefined || found.has(descriptor.id)) this.#ports.platform.listenSockets.close(descriptor.fd);
      else found.set(descriptor.id, descriptor);
    }
  }

  #gatheredOne(): void {
    if ([...this.earlier].every(({ link }) => link !== undefined)) this.#gathering?.settle();
  }

  #welcome(slot: WorkerSlot): void {
    const welcome = this.#ports.welcome();
    if (welcome === undefined) return;
    const { snapshot, states, sockets } = welcome;
    slot.handOver(sockets);
    slot.send({ kind: "columns", columns: this.#columns() });
    slot.send({ kind: "welcome", snapshot, states });
  }

  /** Those in which somebody counts; while one generation of workers follows another, there are more. */
  #columns(): readonly number[] {
    return [...this.slots, ...this.earlier].flatMap(({ column }) => (column === undefined ? [] : [column]));
  }

  #tellColumns(): void {
    const columns = this.#columns();
    // A worker without one counts in another file.
    for (const slot of [...this.slots, ...this.earlier])
      if (slot.column !== undefined) slot.send({ kind: "columns", columns });
  }

  #message(link: WorkerLink, message: ToSupervisor): void {
    const slot = this.#find(link.pid);
    if (slot === undefined) return;
    switch (message.kind) {
      case "ready":
        return this.#ports.ready(slot, message.revision);
      case "refused":
        if (slot.state === "starting") return this.#cannotFollow(slot, message.why);
        return slot.answered(message);
      case "prepared":
      case "committed":
        return slot.answered(message);
      case "trouble":
        return this.earlier.has(slot) && !this.#isEarlierInStep ? undefined : this.#ports.message(slot, message);
      case "log":
        return this.#ports.log(message.level, message.code, message.text, { worker: slot.index });
      case "drained":
      case "hello":
        // The end of the process says the first; a second hello on one connection means nothing.
        return;
      default:
        message satisfies never;
    }
  }

  /** An adopted worker that cannot take the current revision. */
  #cannotFollow(slot: WorkerSlot, why: string): void {
    this.#ports.log("error", "worker-behind", `worker ${slot.index} cannot be taken over (${why}); it is replaced`);
    slot.kill();
  }

  #endHung(): void {
    const counters = this.#ports.counters();
    const beats = this.slots.flatMap(({ pid, state, column }) =>
      (state === "ready" || state === "starting") && column !== undefined && counters !== undefined
        ? [{ pid, beats: counters.column(column)[CounterSlot.heartbeat]!, isReady: state === "ready" }]
        : [],
    );
    for (const { pid, silentMs } of this.#hung.look(beats)) {
      const slot = this.slots.find((one) => one.pid === pid);
      if (slot === undefined) continue;
      const text = `worker ${slot.index} (pid ${pid}) has done nothing for ${(silentMs / 1000).toFixed(1)} s; it is killed`;
      this.#ports.log("error", "worker-hung", text);
      slot.kill();
    }
  }

  #find(pid: number): WorkerSlot | undefined {
    return this.slots.find((slot) => slot.pid === pid) ?? [...this.earlier].find((slot) => slot.pid === pid);
  }
}

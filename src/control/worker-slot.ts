import { workerProcessName } from "../engine/worker/worker.ts";
import type { WorkerLink } from "../engine/worker/link-server.ts";
import type { ToSupervisor, ToWorker } from "../model/link.ts";
import type { WorkerState } from "../model/status.ts";
import type { Log } from "../observe/log.ts";
import type {
  Cancel,
  Child,
  DescriptorChannel,
  OsResult,
  Platform,
  ProcessEnd,
  SpawnOptions,
} from "../platform/ports.ts";
import type { BoundSocket } from "./listeners.ts";
import { afterDeath, earlyDeathsMax, newPast, restartDelayMs, type WorkerPast } from "./restart-policy.ts";

/** What came of a question to a worker. `gone`: it died, its successor starts with what is current then. */
export type Answer =
  | { readonly kind: "done" }
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "gone" };

export interface WorkerSlotPorts {
  readonly platform: Platform;
  readonly log: Log;
  /** All that a worker of this index is started with. */
  readonly spawnOptions: (slot: WorkerSlot) => Omit<SpawnOptions, "onExit">;
  /** The process is gone: its counters can be retired. Called before a successor starts. */
  onDeath(slot: WorkerSlot): void;
  /** There is another process in it. */
  onStart(): void;
  /** Died so often before it was ready that starting it again at once makes no sense. */
  onHeldDown(slot: WorkerSlot, text: string): void;
}

const answerTimeoutMs = 5_000;

/** The place of one worker: its process, and the process after that. */
export class WorkerSlot {
  /** Its place among the workers, for people. */
  index: number;
  /** Of the shared counters; absent: in a file that only the worker still has. */
  column: number | undefined;
  readonly #ports: WorkerSlotPorts;
  state: WorkerState = "dead";
  sinceAt: number;
  restarts = 0;
  /** Revision that the worker runs; absent until it is ready. */
  revision: number | undefined;
  #child: Child | undefined;
  #link: WorkerLink | undefined;
  #channel: DescriptorChannel | undefined;
  /** Ids of the sockets that the worker has or was sent. */
  #known = new Set<number>();
  #isAdopted = false;
  #past: WorkerPast = newPast;
  #isStopping = false;
  #cancelStart: Cancel | undefined;
  /** At most one question is open: revisions are rolled out one after the other. */
  #open: { readonly revision: number; readonly settle: (answer: Answer) => void } | undefined;
  #onGone: (() => void) | undefined;

  constructor(index: number, column: number | undefined, ports: WorkerSlotPorts) {
    this.index = index;
    this.column = column;
    this.#ports = ports;
    this.sinceAt = ports.platform.clock.wallMs();
  }

  /** 0: no process now. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  start(): void {
    this.#cancelStart = undefined;
    this.#child = this.#ports.platform.processes.spawn({
      ...this.#ports.spawnOptions(this),
      onExit: (end) => this.#died(end),
    });
    this.#isAdopted = false;
    this.#enter("starting");
    this.#ports.onStart();
  }

  /**
   * Takes in a worker that another supervisor started, or this one before it became another program. False where it is
   * gone. Until `keep` it gets no successor.
   */
  adopt(pid: number): boolean {
    this.#child = this.#ports.platform.processes.adopt(pid, {
      name: workerProcessName,
      onExit: (end) => this.#died(end),
    });
    this.#isAdopted = true;
    this.#isStopping = true;
    this.#enter("starting");
    return this.#child !== undefined;
  }

  /** From now on an adopted worker is like any other. */
  keep(): void {
    this.#isStopping = false;
  }

  /** What the worker said of itself; absent while it is not connected. */
  get link(): WorkerLink | undefined {
    return this.#link;
  }

  /** The worker said hello. */
  linked(link: WorkerLink, channel: DescriptorChannel | undefined): void {
    this.#channel?.close();
    this.#link = link;
    this.#channel = channel;
    this.#known = new Set(link.hello.sockets);
  }

  /** Hands over those of the sockets that the worker does not have yet. */
  handOver(sockets: readonly BoundSocket[]): OsResult<undefined> {
    const missing = sockets.filter(({ id }) => !this.#known.has(id));
    for (const { id } of missing) this.#known.add(id);
    if (missing.length === 0) return { ok: true, value: undefined };
    return this.#channel?.send(missing) ?? { ok: false, code: "ENOTCONN", text: "the worker takes no descriptors" };
  }

  unlinked(link: WorkerLink): void {
    if (this.#link === link) this.#link = undefined;
  }

  ready(revision: number): void {
    this.revision = revision;
    if (this.state === "starting") this.#enter("ready");
  }

  send(message: ToWorker): void {
    this.#link?.send(message);
  }

  /** Sends a prepare or commit of `revision`, and settles with the worker's answer to it. */
  ask(message: ToWorker, revision: number): Promise<Answer> {
    if (this.#link === undefined) return Promise.resolve({ kind: "gone" });
    this.#open?.settle({ kind: "refused", why: `overtaken by revision ${revision}` });
    return new Promise((resolve) => {
      const cancel = this.#ports.platform.timers.after(answerTimeoutMs, () => {
        this.#open?.settle({ kind: "refused", why: `no answer in ${answerTimeoutMs} ms` });
      });
      this.#open = {
        revision,
        settle: (answer) => {
          cancel();
          this.#open = undefined;
          resolve(answer);
        },
      };
      this.send(message);
    });
  }

  answered(message: Extract<ToSupervisor, { kind: "prepared" | "refused" | "committed" }>): void {
    if (message.kind === "committed") this.revision = message.revision;
    if (this.#open?.revision !== message.revision) return;
    this.#open.settle(message.kind === "refused" ? { kind: "refused", why: message.why } : { kind: "done" });
  }

  /** Ends the worker after its exchanges, or after `drainMs`; it gets no successor. Settles when it is gone. */
  drain(drainMs: number): Promise<void> {
    this.#isStopping = true;
    this.#cancelStart?.();
    if (this.#child === undefined) return Promise.resolve();
    // One of ours that has not said hello serves nobody; one that was adopted may, and drains by itself.
    if (this.#link === undefined) this.#child.kill(this.#isAdopted ? "SIGTERM" : "SIGKILL");
    else this.send({ kind: "drain", drainMs });
    this.#enter("draining");
    return new Promise((resolve) => (this.#onGone = resolve));
  }

  /** At once. Unless a drain was asked for, a successor starts. */
  kill(): void {
    this.#child?.kill("SIGKILL");
  }

  #died(end: ProcessEnd): void {
    const { platform, log } = this.#ports;
    const pid = this.pid;
    const wasReady = this.state === "ready";
    const nowMs = platform.clock.monotonicMs();
    this.#child = undefined;
    this.#link?.close();
    this.#link = undefined;
    this.#channel?.close();
    this.#channel = undefined;
    this.revision = undefined;
    this.#open?.settle({ kind: "gone" });
    this.#enter("dead");
    this.#ports.onDeath(this);
    if (this.#isStopping) return this.#onGone?.();
    this.#past = afterDeath(this.#past, { atMs: nowMs, wasReady });
    const delayMs = restartDelayMs(this.#past, nowMs);
    const text = `worker ${this.index} (pid ${pid}) ${endText(end)}${wasReady ? "" : " before it was ready"}`;
    this.restarts++;
    if (delayMs === 0) {
      log("warn", "worker-died", `${text}; another one starts`);
      return this.start();
    }
    const heldText = `${text}; ${this.#past.earlyDeaths} times in a row, next try in ${delayMs / 1000} s`;
    log("error", "worker-held-down", heldText);
    this.#cancelStart = platform.timers.after(delayMs, () => this.start());
    if (this.#past.earlyDeaths === earlyDeathsMax) this.#ports.onHeldDown(this, text);
  }

  #enter(state: WorkerState): void {
    this.state = state;
    this.sinceAt = this.#ports.platform.clock.wallMs();
  }
}

function endText({ exitCode, signal }: ProcessEnd): string {
  return signal === undefined ? `ended with code ${exitCode ?? "unknown"}` : `was ended by ${signal}`;
}

import type { EndpointRowState } from "../model/link.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { Log } from "../observe/log.ts";
import type { Clock } from "../platform/ports.ts";
import type { BoundSocket } from "./listeners.ts";
import type { Answer, WorkerSlot } from "./worker-slot.ts";
import type { Welcome, WorkerTeam } from "./worker-team.ts";

export interface Prepared {
  /** Workers that are ready to follow. */
  readonly slots: readonly WorkerSlot[];
  /** Any at all: nobody may follow. */
  readonly refusals: readonly string[];
}

/** Brings a revision into all workers: first all must be able to, then all do. */
export class RollOut {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #team: WorkerTeam;

  constructor(log: Log, clock: Clock, team: WorkerTeam) {
    this.#log = log;
    this.#clock = clock;
    this.#team = team;
  }

  async prepare(snapshot: Snapshot, opened: readonly BoundSocket[]): Promise<Prepared> {
    const asked = this.#team.slots.filter(({ state }) => state === "ready");
    const answers = await Promise.all(asked.map((slot) => prepareOne(slot, snapshot, opened)));
    return {
      slots: asked.filter((_slot, index) => answers[index]!.kind === "done"),
      refusals: answers.flatMap((answer, index) =>
        answer.kind === "refused" ? [`worker ${asked[index]!.index}: ${answer.why}`] : [],
      ),
    };
  }

  /** Returns milliseconds until the last worker had followed. */
  async commit(revision: number, states: readonly EndpointRowState[], slots: readonly WorkerSlot[]): Promise<number> {
    const startedMs = this.#clock.monotonicMs();
    await Promise.all(slots.map((slot) => slot.ask({ kind: "commit", revision, states }, revision)));
    return this.#clock.monotonicMs() - startedMs;
  }

  /** Brings a worker that started during a reload to the current revision; one that cannot follow is replaced. */
  async catchUp(slot: WorkerSlot, { snapshot, states, sockets }: Welcome): Promise<void> {
    const { revision } = snapshot;
    if (slot.state !== "ready" || slot.revision === revision) return;
    const prepared = await prepareOne(slot, snapshot, sockets);
    const answer = prepared.kind === "done" ? await slot.ask({ kind: "commit", revision, states }, revision) : prepared;
    if (answer.kind !== "refused") return;
    const text = `worker ${slot.index} does not take revision ${revision} (${answer.why}); it is replaced`;
    this.#log("error", "worker-behind", text);
    slot.kill();
  }
}

async function prepareOne(slot: WorkerSlot, snapshot: Snapshot, sockets: readonly BoundSocket[]): Promise<Answer> {
  const handed = slot.handOver(sockets);
  if (!handed.ok) return { kind: "refused", why: `its new sockets could not be handed over: ${handed.text}` };
  return slot.ask({ kind: "prepare", snapshot }, snapshot.revision);
}

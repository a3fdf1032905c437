import type { Allocation } from "../core/config/snapshot.ts";
import type { Numbering } from "../core/config/numbering.ts";
import type { Log } from "../observe/log.ts";
import type { Files } from "../platform/ports.ts";
import type { BoundSocket } from "./listeners.ts";

/** What the next supervisor must know of the workers, where this one is killed or becomes another program. */
export interface KeptState {
  /** The last revision that was prepared; workers run it or an earlier one with the same rows and slots. */
  readonly revision: number;
  readonly allocation: Allocation;
  /** Without their descriptors, which are the workers' to hand over. */
  readonly sockets: readonly Omit<BoundSocket, "fd">[];
  /** Greater than any id that was ever given. */
  readonly nextSocketId: number;
  readonly workers: readonly KeptWorker[];
}

export interface KeptWorker {
  readonly index: number;
  readonly column: number;
  readonly pid: number;
}

/** Raised when the file changes its meaning; another one is not read, and the workers are then replaced. */
const stateVersion = 1;

/** Writes the state, and says once when that does not work, and when it does again. */
export class StateFile {
  readonly #files: Pick<Files, "replaceText">;
  readonly #log: Log;
  #isWritten = true;

  constructor(files: Pick<Files, "replaceText">, log: Log) {
    this.#files = files;
    this.#log = log;
  }

  /** A full disk is no reason to stop serving: the instance goes on. */
  write(path: string, state: KeptState): void {
    const { rows, slots, pools } = state.allocation;
    const allocation = { rows: plain(rows), slots: plain(slots), pools: plain(pools) };
    const sockets = state.sockets.map(({ id, host, port, asked }) => ({ id, host, port, asked }));
    const written = this.#files.replaceText(path, JSON.stringify({ stateVersion, ...state, allocation, sockets }));
    if (written.ok === this.#isWritten) return;
    this.#isWritten = written.ok;
    if (written.ok) return this.#log("info", "state-written", `${path} is written again`);
    const loss = "were this supervisor killed, the next could not take its workers over";
    this.#log("error", "state-unwritable", `${path}: ${written.text}; the instance goes on, but ${loss}`);
  }
}

/** Absent: there is none, or none that this program wrote. The file lies in a folder that only we can write. */
export function readState(files: Files, path: string): KeptState | undefined {
  const text = files.readText(path);
  if (!text.ok) return undefined;
  try {
    const read = JSON.parse(text.value) as PlainState & { readonly stateVersion: unknown };
    if (read.stateVersion !== stateVersion) return undefined;
    const { rows, slots, pools } = read.allocation;
    return { ...read, allocation: { rows: numbering(rows), slots: numbering(slots), pools: numbering(pools) } };
  } catch {
    return undefined;
  }
}

interface PlainState extends Omit<KeptState, "allocation"> {
  readonly allocation: Readonly<Record<keyof Allocation, PlainNumbering>>;
}

type PlainNumbering = Omit<Numbering, "taken"> & { readonly taken: readonly (readonly [string, Numbered])[] };
type Numbered = Numbering["free"][number];

function plain(numbering: Numbering): PlainNumbering {
  return { ...numbering, taken: [...numbering.taken] };
}

function numbering(read: PlainNumbering): Numbering {
  return { ...read, taken: new Map(read.taken) };
}

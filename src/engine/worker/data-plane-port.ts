import type { EndpointRowState, TroubleSign } from "../../model/link.ts";
import type { Snapshot } from "../../model/snapshot.ts";
import type { SharedLimits } from "../../observe/shared-limits.ts";

/** What the worker needs of the data plane; `engine/proxy` has the real one. */
export interface DataPlane {
  /** Listens on `snapshot.listeners[].sockets`. Throws where it cannot. */
  start(snapshot: Snapshot, states: readonly EndpointRowState[]): void;
  /** Makes everything ready for a swap. A text says why not. */
  prepare(snapshot: Snapshot): string | undefined;
  /** Swaps to the prepared snapshot. */
  commit(revision: number, states: readonly EndpointRowState[]): void;
  setStates(states: readonly EndpointRowState[]): void;
  /** Accepts nothing more; `done` once everything that ran is finished. */
  drain(done: () => void): void;
  /** Ends everything now. */
  stop(): void;
}

export interface DataPlanePorts {
  /** This worker's column. */
  readonly counters: Float64Array;
  /**
   * Every worker's column, this one's included: to read, never to write. Changes in place when workers come and go.
   */
  readonly columns: readonly Float64Array[];
  /** Whether a socket that a snapshot names is in this process. */
  hasSocket(id: number): boolean;
  /** A descriptor of it to listen on; whoever asks closes it. Throws where it is not here. */
  openSocket(id: number): number;
  /** What is limited for the whole node. */
  readonly limits: SharedLimits;
  report(row: number, sign: TroubleSign): void;
  log(level: "debug" | "info" | "warn" | "error", code: string, text: string): void;
}

export type CreateDataPlane = (ports: DataPlanePorts) => DataPlane;

import type { HealthConfig } from "../model/config.ts";
import type { EndpointRowState, TroubleCounts } from "../model/link.ts";
import type { EndpointOverride } from "../model/override.ts";
import type { EndpointSnapshot } from "../model/snapshot.ts";
import type { HealthView } from "../model/status.ts";

/** What the supervisor needs of health checking; the Prober of `engine/probe` is one. */
export interface HealthSource {
  /** The pools of a revision that is about to be used. Does not call back. */
  update(pools: readonly CheckedPool[]): void;
  states(): readonly EndpointRowState[];
  /** What exchanges of one worker saw; `goodAnswers`: below 500, of all workers, since the instance started. */
  trouble(row: number, counts: TroubleCounts, goodAnswers: number): void;
  /** Sets what someone asked for, or takes it back (absent). Returns what changed for the workers; does not call back. */
  override(row: number, override: EndpointOverride | undefined): readonly EndpointRowState[];
  /** Absent for a row that is not in use. */
  view(row: number): HealthView | undefined;
  stop(): void;
}

export interface CheckedPool {
  readonly name: string;
  readonly endpoints: readonly EndpointSnapshot[];
  /** What someone set at run time, by the endpoint's name; absent: nothing. */
  readonly overrides?: ReadonlyMap<string, EndpointOverride>;
  readonly health?: HealthConfig;
}

/** `onChange` gets the rows whose state is another one now. */
export type CreateHealthSource = (onChange: (states: readonly EndpointRowState[]) => void) => HealthSource;

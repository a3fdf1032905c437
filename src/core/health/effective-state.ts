import type { Override, OverrideState } from "../../model/override.ts";
import { EndpointState } from "../../model/snapshot.ts";
import { HealthWhy } from "../../model/status.ts";

/** Everything that has a say in whether an endpoint gets exchanges. */
export interface HealthInputs {
  /** Absent: the pool has no active check. */
  readonly check?: {
    readonly isUp: boolean;
    readonly why: HealthWhy;
    /** The check passes and says that the endpoint wants to be drained. */
    readonly asksDrain: boolean;
  };
  /** False: the endpoint's host name has no address, so nothing can be sent there. */
  readonly isResolved: boolean;
  /** True while passive ejection keeps the endpoint out. */
  readonly isEjected: boolean;
  /** What someone asked for at run time. */
  readonly override?: Override<OverrideState>;
}

export interface EffectiveState {
  readonly state: EndpointState;
  readonly why: HealthWhy;
  /** Wall clock at which `state` was entered; a new reason for the same state does not move it. */
  readonly sinceAt: number;
}

/**
 * The state the data plane acts on. In order: what a person asked for, then what makes sending impossible, then
 * checks (DOWN, or the wish to be drained), then ejection. An override's state counts from when it was asked for, also
 * after a restart. `before` is the last effective state, absent for a new endpoint.
 */
export function effectiveState(inputs: HealthInputs, nowAt: number, before?: EffectiveState): EffectiveState {
  const { state, why } = decide(inputs);
  if (before === undefined || before.state !== state) return { state, why, sinceAt: inputs.override?.sinceAt ?? nowAt };
  return before.why === why ? before : { state, why, sinceAt: before.sinceAt };
}

function decide({ check, isResolved, isEjected, override }: HealthInputs): {
  state: EndpointState;
  why: HealthWhy;
} {
  if (override !== undefined)
    return {
      state: override.value === "drain" ? EndpointState.Drain : EndpointState.Maint,
      why: HealthWhy.Override,
    };
  if (!isResolved) return { state: EndpointState.Down, why: HealthWhy.Unresolved };
  if (check !== undefined && !check.isUp) return { state: EndpointState.Down, why: check.why };
  if (check?.asksDrain === true) return { state: EndpointState.Drain, why: HealthWhy.Asked };
  if (isEjected) return { state: EndpointState.Down, why: HealthWhy.Ejected };
  return { state: EndpointState.Up, why: check === undefined ? HealthWhy.Unchecked : check.why };
}

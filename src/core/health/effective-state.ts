import { EndpointState } from "../../model/snapshot.ts";
import { HealthWhy } from "../../model/status.ts";

/** Everything that has a say in whether an endpoint gets exchanges. */
export interface HealthInputs {
  /** Absent: the pool has no active check. */
  readonly check?: { readonly isUp: boolean; readonly why: HealthWhy };
  /** False: the endpoint's host name has no address, so nothing can be sent there. */
  readonly isResolved: boolean;
  /** True while passive ejection keeps the endpoint out. */
  readonly isEjected: boolean;
  /** What someone asked for at run time. */
  readonly override?: typeof EndpointState.Drain | typeof EndpointState.Maint;
}

export interface EffectiveState {
  readonly state: EndpointState;
  readonly why: HealthWhy;
  /** Wall clock at which `state` was entered; a new reason for the same state does not move it. */
  readonly sinceAt: number;
}

/**
 * The state the data plane acts on. In order: what a person asked for, then what makes sending impossible, then
 * checks, then ejection. `before` is the last effective state, absent for a new endpoint.
 */
export function effectiveState(inputs: HealthInputs, nowAt: number, before?: EffectiveState): EffectiveState {
  const { state, why } = decide(inputs);
  if (before === undefined || before.state !== state) return { state, why, sinceAt: nowAt };
  return before.why === why ? before : { state, why, sinceAt: before.sinceAt };
}

function decide({ check, isResolved, isEjected, override }: HealthInputs): {
  state: EndpointState;
  why: HealthWhy;
} {
  if (override !== undefined) return { state: override, why: HealthWhy.Override };
  if (!isResolved) return { state: EndpointState.Down, why: HealthWhy.Unresolved };
  if (check !== undefined && !check.isUp) return { state: EndpointState.Down, why: check.why };
  if (isEjected) return { state: EndpointState.Down, why: HealthWhy.Ejected };
  return { state: EndpointState.Up, why: check === undefined ? HealthWhy.Unchecked : check.why };
}

import { type EndpointSnapshot, EndpointState, endpointStateName, type Snapshot } from "../model/snapshot.ts";
import type { EndpointRowState } from "../model/link.ts";
import type { HealthView } from "../model/status.ts";
import type { Log } from "../observe/log.ts";

/**
 * Logs each endpoint whose state changed, with its reason: DOWN as a warning, everything else as information. Returns
 * those that went DOWN.
 */
export function logHealth(
  log: Log,
  snapshot: Snapshot | undefined,
  states: readonly EndpointRowState[],
  view: (row: number) => HealthView | undefined,
): { readonly down: readonly EndpointSnapshot[] } {
  const down: EndpointSnapshot[] = [];
  const changed = new Map(states.map(([row, state]) => [row, state]));
  for (const pool of snapshot?.pools ?? []) {
    for (const endpoint of pool.endpoints) {
      const { row, name } = endpoint;
      const state = changed.get(row);
      if (state === undefined) continue;
      if (state === EndpointState.Down) down.push(endpoint);
      const level = state === EndpointState.Down ? "warn" : "info";
      log(level, "endpoint-state", `${pool.name}/${name} is ${endpointStateName[state]}: ${view(row)?.whyText ?? "?"}`);
    }
  }
  return { down };
}

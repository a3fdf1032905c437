import { EndpointState, endpointStateName, type Snapshot } from "../model/snapshot.ts";
import type { EndpointRowState } from "../model/link.ts";
import type { HealthView } from "../model/status.ts";
import type { Log } from "../observe/log.ts";

/** Logs each endpoint whose state changed, with its reason: DOWN as a warning, everything else as information. */
export function logHealth(
  log: Log,
  snapshot: Snapshot | undefined,
  states: readonly EndpointRowState[],
  view: (row: number) => HealthView | undefined,
): void {
  const changed = new Map(states);
  for (const pool of snapshot?.pools ?? []) {
    for (const { row, name } of pool.endpoints) {
      const state = changed.get(row);
      if (state === undefined) continue;
      const level = state === EndpointState.Down ? "warn" : "info";
      log(level, "endpoint-state", `${pool.name}/${name} is ${endpointStateName[state]}: ${view(row)?.whyText ?? "?"}`);
    }
  }
}

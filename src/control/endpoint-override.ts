import { overrideText } from "../core/health/why-text.ts";
import { nearestWord } from "../lib/nearest.ts";
import type { EndpointRowState } from "../model/link.ts";
import type { EndpointOverride, OverrideRequest, OverrideState } from "../model/override.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { Log } from "../observe/log.ts";
import { logHealth } from "./health-log.ts";
import type { HealthSource } from "./health-source.ts";
import type { Overrides } from "./overrides.ts";

/** What came of the wish to override an endpoint's state or weight. */
export type ChangeResult =
  | {
      readonly kind: "changed";
      /** What stands over the configuration now; absent: nothing. */
      readonly override?: EndpointOverride;
      /** Why it holds only until the instance ends. */
      readonly notSaved?: string;
    }
  /** There is no such pool or endpoint; `message` says so, with the nearest name. */
  | { readonly kind: "unknown"; readonly message: string };

export interface OverrideParts {
  readonly health: HealthSource;
  readonly overrides: Overrides;
  readonly log: Log;
  /** Tells the workers. */
  states(changed: readonly EndpointRowState[]): void;
}

/** Sets or takes back an override, tells the workers, and logs who did it. */
export function overrideOnto(
  snapshot: Snapshot | undefined,
  request: OverrideRequest,
  { health, overrides, log, states }: OverrideParts,
): ChangeResult {
  const pools = snapshot?.pools ?? [];
  const pool = pools.find(({ name }) => name === request.pool);
  if (pool === undefined)
    return {
      kind: "unknown",
      message: unknown(
        "pool",
        request.pool,
        pools.map(({ name }) => name),
      ),
    };
  const endpoint = pool.endpoints.find(({ name }) => name === request.endpoint);
  if (endpoint === undefined) {
    const names = pool.endpoints.map(({ name }) => name);
    return { kind: "unknown", message: unknown(`endpoint of pool ${pool.name}`, request.endpoint, names) };
  }
  const { override, notSaved } = overrides.set(request);
  const before = health.view(endpoint.row)?.state;
  const changed = health.override(endpoint.row, override);
  if (changed.length > 0) states(changed);
  const { change, actor, reason } = request;
  log("info", "override", `${pool.name}/${endpoint.name}: ${changeWords(request)}`, {
    pool: pool.name,
    endpoint: endpoint.name,
    actor,
    ...(reason === undefined ? {} : { reason }),
    ...(change.kind === "state" ? { state: change.state } : { weight: change.weight ?? "default" }),
  });
  if (notSaved !== undefined) log("error", "override-not-saved", notSaved);
  if (health.view(endpoint.row)?.state !== before) logHealth(log, snapshot, changed, (row) => health.view(row));
  return {
    kind: "changed",
    ...(override === undefined ? {} : { override }),
    ...(notSaved === undefined ? {} : { notSaved }),
  };
}

/** `MAINT by anna: new disk`, `ready by anna`, `weight 5 by anna` */
function changeWords({ change, actor, reason }: OverrideRequest): string {
  const state = (name: OverrideState | "ready"): string => (name === "ready" ? name : name.toUpperCase());
  const what = change.kind === "state" ? state(change.state) : `weight ${change.weight ?? "as configured"}`;
  return `${what} ${overrideText({ actor, ...(reason === undefined ? {} : { reason }) })}`;
}

function unknown(what: string, name: string, known: readonly string[]): string {
  const near = nearestWord(name, known);
  const list = known.length <= 8 ? `; there are: ${known.join(", ")}` : "";
  return `there is no ${what} called ${JSON.stringify(name)}${near === undefined ? list : `; did you mean ${near}?`}`;
}

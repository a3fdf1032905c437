import type { Config } from "../model/config.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { CheckedPool } from "./health-source.ts";
import type { Overrides } from "./overrides.ts";

/** What the health source has to watch: the snapshot's endpoints, the configuration's checks, and what stands over both. */
export function checkedPools({ pools }: Config, snapshot: Snapshot, overrides: Overrides): readonly CheckedPool[] {
  const checks = new Map(pools.map(({ name, health }) => [name, health]));
  return snapshot.pools.map(({ name, endpoints }) => {
    const health = checks.get(name);
    const checked = { name, endpoints, overrides: overrides.of(name) };
    return health === undefined ? checked : { ...checked, health };
  });
}

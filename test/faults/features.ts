import { acceptsConfig, knownCommands } from "./ours.ts";
import type { Feature } from "./rows.ts";

const pool = `version: 1
listeners: { api: { bind: 127.0.0.1:8080, pool: app } }
pools: { app: { endpoints: [127.0.0.1:9001], health: { http: {}, passive: { failures: 3 } } } }
`;

/** What this version cannot do, with the words to say it. Looked for in the program itself: nobody has to keep a list. */
export function missingFeatures(folder: string): ReadonlyMap<Feature, string> {
  const commands = knownCommands();
  const missing = new Map<Feature, string>();
  if (!commands.has("drain")) missing.set("drain", "this version has no command drain");
  if (!commands.has("upgrade")) {
    missing.set("upgrade", "this version has no command upgrade");
    missing.set("adoption", "this version's supervisor does not take workers over");
  }
  if (!acceptsConfig(pool, folder)) missing.set("passive", "this version has no passive checks");
  return missing;
}

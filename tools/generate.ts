/**
 * Writes what is made from the configuration schema: `bin/bun tools/generate.ts`. With `--check` it writes nothing and
 * exits 1 where a committed file differs.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { jsonSchemaText, manualText } from "../src/core/config/reference.ts";

const folder = new URL("../docs/reference/", import.meta.url);
const files: readonly (readonly [name: string, text: string])[] = [
  ["weichensteller.schema.json", jsonSchemaText()],
  ["configuration.md", manualText()],
];

let differ = 0;
for (const [name, text] of files) {
  const path = new URL(name, folder);
  if (!process.argv.includes("--check")) {
    writeFileSync(path, text);
  } else if (readOrNothing(path) !== text) {
    console.error(`docs/reference/${name} is not what the schema says: run bin/bun tools/generate.ts`);
    differ++;
  }
}
process.exitCode = differ === 0 ? 0 : 1;

function readOrNothing(path: URL): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

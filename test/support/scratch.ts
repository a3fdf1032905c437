import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A private folder of the temp directory; `remove` takes it away with all that is in it. */
export function scratchFolder(prefix: string): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `wst-test-${prefix}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

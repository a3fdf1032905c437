import { cpSync, mkdirSync, mkdtempSync, chmodSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const repository = join(import.meta.dir, "../../..");
/** What running the program takes; tests themselves stay where they are. */
const parts = ["package.json", "src", "test/process/support", "node_modules/yaml", "node_modules/zod"];

export interface ReachableProgram {
  readonly bun: string;
  /** Where a file of the repository is for that user. */
  at(path: string): string;
  remove(): void;
}

/**
 * The program where a user without rights may read it: the repository itself, or a copy when a folder above it is closed
 * to others, as a checkout in a private temp folder or below /root is.
 */
export function reachableProgram(): ReachableProgram {
  if (isOpen(repository) && isOpen(process.execPath)) {
    return { bun: process.execPath, at: (path) => path, remove: () => undefined };
  }
  const copy = mkdtempSync(join(tmpdir(), "wst-open-"));
  chmodSync(copy, 0o755);
  for (const part of parts) cpSync(join(repository, part), join(copy, part), { recursive: true });
  mkdirSync(join(copy, "bin"));
  const bun = join(copy, "bin", "bun");
  cpSync(process.execPath, bun);
  return {
    bun,
    at: (path) => path.replace(repository, copy),
    remove: () => rmSync(copy, { recursive: true, force: true }),
  };
}

/** Whether everybody may go through each folder down to `path`. */
function isOpen(path: string): boolean {
  for (let folder = path; folder !== "/"; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
  }
  return true;
}

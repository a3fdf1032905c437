import { mkdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";

/** Small files that belong to one run of the program. */
export interface InstanceFiles {
  /** Writes a file for its owner only, replacing what was there; makes the folder (0700) where it is missing. Throws on failure. */
  write(folder: string, path: string, text: string): void;
  /** Removes a file, and its folder where that is empty then. */
  remove(folder: string, path: string): void;
}

export const instanceFiles: InstanceFiles = {
  write(folder, path, text) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Never written through a link that someone else put there: the old name goes first.
    rmSync(path, { force: true });
    writeFileSync(path, text, { mode: 0o600, flag: "wx" });
  },
  remove(folder, path) {
    rmSync(path, { force: true });
    try {
      rmdirSync(folder);
    } catch {
      // Something else lives there.
    }
  },
};

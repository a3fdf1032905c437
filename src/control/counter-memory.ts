import { type Counters, counterFileBytes, initCounters, openCounters } from "../observe/counter-file.ts";
import type { Platform } from "../platform/ports.ts";

/** Columns per worker: while workers are replaced by an upgrade, both generations count. */
const generations = 2;

/** The counters of a supervisor that is gone; absent where there are none that this program can read. */
export function foundCounters({ sharedMemory, files, processes }: Platform, path: string): Counters | undefined {
  // In a folder that everybody may write to, someone else may have been first.
  if (files.owner(path) !== processes.uid) return undefined;
  const found = sharedMemory.open(path);
  const counters = found.ok ? openCounters(found.value) : undefined;
  return typeof counters === "string" ? undefined : counters;
}

/** A new file in the place of one that may be there. A text says why not. */
export function newCounters({ sharedMemory }: Platform, path: string, workers: number): Counters | string {
  const columns = workers * generations;
  const memory = sharedMemory.create(path, { bytes: counterFileBytes(columns) });
  return memory.ok ? initCounters(memory.value, columns) : `shared memory ${path}: ${memory.text}`;
}

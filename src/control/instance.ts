import { dirname, join } from "node:path";
import { fnv1a64 } from "../lib/fnv.ts";
import type { Cancel, OsResult, Platform } from "../platform/ports.ts";

/** The files of one running instance, all named after its admin socket: two instances never share one. */
export interface Instance {
  readonly adminSocket: string;
  /** Unix socket on which workers find their supervisor. */
  readonly linkPath: string;
  /** Shared counters. */
  readonly memoryPath: string;
  /** Removes what the instance left in the file system and lets the next one in. */
  release: Cancel;
}

export interface InstancePlaces {
  readonly adminSocket: string;
  /** Folder that workers can still enter after they became another user. */
  readonly linkFolder: string;
}

const sharedMemoryFolder = "/dev/shm";
/** sun_path holds 108 bytes with the final NUL. */
const socketPathBytesMax = 107;

/**
 * Makes the calling process the only one that runs as this instance: the folder, a lock in it, and no socket or shared
 * memory left over by a dead predecessor. A text says why that cannot be.
 */
export function claimInstance(platform: Platform, { adminSocket, linkFolder }: InstancePlaces): Instance | string {
  const { files, processes } = platform;
  const name = `weichensteller-${processes.uid}-${fnv1a64(adminSocket)}`;
  const linkPath = join(linkFolder, `${name}.link`);
  for (const path of [adminSocket, linkPath]) {
    const bytes = new TextEncoder().encode(path).length;
    if (bytes > socketPathBytesMax) return `${path}: ${bytes} bytes, a unix socket has at most ${socketPathBytesMax}`;
    const refused = prepareFolder(platform, dirname(path));
    if (refused !== undefined) return refused;
  }
  const lockPath = `${adminSocket}.lock`;
  const locked = files.lock(lockPath, String(processes.pid));
  if (!locked.ok) return `lock ${lockPath}: ${locked.text}`;
  if ("heldBy" in locked.value) {
    return `an instance with the admin socket ${adminSocket} runs already (pid ${locked.value.heldBy})`;
  }
  const { release } = locked.value;
  const memoryPath = join(sharedMemoryFolder, name);
  // Under the lock whatever has these names is left over; workers that outlived it keep their mapping.
  const stale = removeAll(platform, [adminSocket, linkPath, memoryPath]);
  if (!stale.ok) {
    release();
    return stale.text;
  }
  return {
    adminSocket,
    linkPath,
    memoryPath,
    release() {
      removeAll(platform, [adminSocket, linkPath, memoryPath]);
      release();
    },
  };
}

/** A text says why sockets must not be put there. */
function prepareFolder({ files, processes }: Platform, folder: string): string | undefined {
  // Others may look into root's folder; the modes of the sockets say who may use them.
  const made = files.makeFolder(folder, { mode: processes.uid === 0 ? 0o755 : 0o700 });
  if (!made.ok) return `folder ${folder}: ${made.text}`;
  const owner = files.owner(folder);
  // In a world-writable temp folder someone else may have been first.
  return owner === processes.uid || owner === 0 ? undefined : `folder ${folder} belongs to another user (uid ${owner})`;
}

function removeAll({ files }: Platform, paths: readonly string[]): OsResult<undefined> {
  for (const path of paths) {
    const removed = files.remove(path);
    if (!removed.ok) return { ...removed, text: `cannot remove ${path}: ${removed.text}` };
  }
  return { ok: true, value: undefined };
}

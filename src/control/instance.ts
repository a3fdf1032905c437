import { dirname, join } from "node:path";
import { fnv1a64 } from "../lib/fnv.ts";
import { descriptorsPath } from "../model/link.ts";
import type { OsResult, Platform } from "../platform/ports.ts";

/** The files of one running instance, all named after its admin socket: two instances never share one. */
export interface Instance {
  readonly adminSocket: string;
  /** Unix socket on which workers find their supervisor. */
  readonly linkPath: string;
  /** Shared counters. */
  readonly memoryPath: string;
  /** What a supervisor that follows a killed one must know. */
  readonly statePath: string;
  /** Descriptor of the lock. */
  readonly lock: number;
  /**
   * Removes what the instance left in the file system and lets the next one in. `leavesWorkers`: some go on without a
   * supervisor, and what the next one needs to take them over stays.
   */
  release(options: { readonly leavesWorkers: boolean }): void;
}

export interface InstancePlaces {
  readonly adminSocket: string;
  /** Folder that workers can still enter after they became another user. */
  readonly linkFolder: string;
  /** The lock, where this process had it before it became another program. */
  readonly inheritedLock?: number;
}

const sharedMemoryFolder = "/dev/shm";
/** sun_path holds 108 bytes with the final NUL. */
const socketPathBytesMax = 107;

/**
 * Makes the calling process the only one that runs as this instance: the folder, a lock in it, and no socket left over
 * by a dead predecessor. Its shared memory and state stay: its workers may still run. A text says why that cannot be.
 */
export function claimInstance(platform: Platform, places: InstancePlaces): Instance | string {
  const { adminSocket, linkFolder, inheritedLock } = places;
  const { files, processes } = platform;
  const name = `weichensteller-${processes.uid}-${fnv1a64(adminSocket)}`;
  const linkPath = join(linkFolder, `${name}.link`);
  const sockets = [adminSocket, linkPath, descriptorsPath(linkPath)];
  for (const path of sockets) {
    const bytes = new TextEncoder().encode(path).length;
    if (bytes > socketPathBytesMax) return `${path}: ${bytes} bytes, a unix socket has at most ${socketPathBytesMax}`;
    const refused = prepareFolder(platform, dirname(path));
    if (refused !== undefined) return refused;
  }
  const lockPath = `${adminSocket}.lock`;
  const locked = files.lock(lockPath, String(processes.pid), inheritedLock);
  if (!locked.ok) return `lock ${lockPath}: ${locked.text}`;
  if ("heldBy" in locked.value) {
    return `an instance with the admin socket ${adminSocket} runs already (pid ${locked.value.heldBy})`;
  }
  const { release, fd: lock } = locked.value;
  const memoryPath = join(sharedMemoryFolder, name);
  const statePath = join(linkFolder, `${name}.state`);
  // Under the lock whoever had these sockets is gone.
  const stale = removeAll(platform, sockets);
  if (!stale.ok) {
    release();
    return stale.text;
  }
  return {
    adminSocket,
    linkPath,
    memoryPath,
    statePath,
    lock,
    release({ leavesWorkers }) {
      removeAll(platform, leavesWorkers ? sockets : [...sockets, memoryPath, statePath]);
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

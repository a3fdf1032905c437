import { dirname } from "node:path";
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

const sharedMemoryFolder = "/dev/shm";
/** sun_path holds 108 bytes with the final NUL. */
const socketPathBytesMax = 107;

/**
 * Makes the calling process the only one that runs as this instance: the folder, a lock in it, and no socket or shared
 * memory left over by a dead predecessor. A text says why that cannot be.
 */
export function claimInstance(platform: Platform, adminSocket: string): Instance | string {
  const { files, processes } = platform;
  const linkPath = `${adminSocket}.link`;
  if (new TextEncoder().encode(linkPath).length > socketPathBytesMax) {
    return `admin.socket ${adminSocket}: too long for a unix socket (at most ${socketPathBytesMax - ".link".length} bytes)`;
  }
  const folder = dirname(adminSocket);
  // Others may look for the socket in root's folder, whose own mode (0660) says who may use it.
  const made = files.makeFolder(folder, { mode: processes.uid === 0 ? 0o755 : 0o700 });
  if (!made.ok) return `folder ${folder}: ${made.text}`;
  const owner = files.owner(folder);
  // In a world-writable temp folder someone else may have been first.
  if (owner !== processes.uid && owner !== 0) return `folder ${folder} belongs to another user (uid ${owner})`;
  const lockPath = `${adminSocket}.lock`;
  const locked = files.lock(lockPath, String(processes.pid));
  if (!locked.ok) return `lock ${lockPath}: ${locked.text}`;
  if ("heldBy" in locked.value) {
    return `an instance with the admin socket ${adminSocket} runs already (pid ${locked.value.heldBy})`;
  }
  const { release } = locked.value;
  const memoryPath = `${sharedMemoryFolder}/weichensteller-${processes.uid}-${Bun.hash.crc32(adminSocket).toString(16)}`;
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

function removeAll({ files }: Platform, paths: readonly string[]): OsResult<undefined> {
  for (const path of paths) {
    const removed = files.remove(path);
    if (!removed.ok) return { ...removed, text: `cannot remove ${path}: ${removed.text}` };
  }
  return { ok: true, value: undefined };
}

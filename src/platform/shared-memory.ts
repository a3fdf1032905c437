import { closeSync, ftruncateSync, openSync, rmSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { failureFrom } from "./libc.ts";
import type { OsResult, SharedMemory } from "./ports.ts";

export const sharedMemory: SharedMemory = {
  create(path, { bytes }) {
    return attempt(() => {
      const folder = statfsSync(dirname(path));
      // Pages come into being when they are touched; where the file system is full by then, that is a SIGBUS.
      if (folder.bavail * folder.bsize < bytes) return { ok: false, code: "ENOSPC", text: `no ${bytes} bytes left` };
      rmSync(path, { force: true });
      const fd = openSync(path, "wx+", 0o600);
      try {
        ftruncateSync(fd, bytes);
      } finally {
        closeSync(fd);
      }
      return { ok: true, value: Bun.mmap(path, { shared: true }) };
    });
  },
  open: (path) => attempt(() => ({ ok: true, value: Bun.mmap(path, { shared: true }) })),
};

function attempt(run: () => OsResult<Uint8Array<ArrayBuffer>>): OsResult<Uint8Array<ArrayBuffer>> {
  try {
    return run();
  } catch (error) {
    return failureFrom(error);
  }
}

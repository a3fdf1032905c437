import {
  chownSync,
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { failureFrom, lastFailure, libc } from "./libc.ts";
import type { Cancel, Files, OsResult } from "./ports.ts";

const lockExclusive = 2;
const lockNonblocking = 4;

export const files: Files = {
  readText: (path) => attempt(() => readFileSync(path, "utf8")),
  replaceText,
  remove: (path) => attempt(() => rmSync(path, { force: true }) as undefined),
  makeFolder: (path, { mode }) => attempt(() => void mkdirSync(path, { recursive: true, mode }) as undefined),
  setOwner: (path, { uid, gid }) => attempt(() => chownSync(path, uid, gid) as undefined),
  owner(path) {
    return statSync(path, { throwIfNoEntry: false })?.uid;
  },
  lock,
};

/** Written and flushed beside the old file before it takes its name, and then the name is flushed. */
function replaceText(path: string, text: string): OsResult<undefined> {
  const next = `${path}.new`;
  try {
    const fd = openSync(next, "w", 0o600);
    try {
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(next, path);
    const folder = openSync(dirname(path), "r");
    fsyncSync(folder);
    closeSync(folder);
    return { ok: true, value: undefined };
  } catch (error) {
    // Half a file on a full disk is of no use to anyone.
    attempt(() => rmSync(next, { force: true }));
    return failureFrom(error);
  }
}

function lock(path: string, text: string): OsResult<{ release: Cancel } | { heldBy: string }> {
  try {
    for (;;) {
      // "a+" neither truncates nor fails on what is there: the text of a living holder must survive our attempt.
      const fd = openSync(path, "a+", 0o600);
      if (libc().flock(fd, lockExclusive | lockNonblocking) !== 0) {
        const failure = lastFailure();
        closeSync(fd);
        return failure.code === "EAGAIN" ? { ok: true, value: { heldBy: readFileSync(path, "utf8").trim() } } : failure;
      }
      // A holder unlinks the file before it lets go: then this lock is on a name that nobody finds any more.
      if (fstatSync(fd).ino !== statSync(path, { throwIfNoEntry: false })?.ino) {
        closeSync(fd);
        continue;
      }
      ftruncateSync(fd, 0);
      writeSync(fd, text);
      return { ok: true, value: { release: () => release(path, fd) } };
    }
  } catch (error) {
    return failureFrom(error);
  }
}

function release(path: string, fd: number): void {
  rmSync(path, { force: true });
  closeSync(fd);
}

function attempt<T>(run: () => T): OsResult<T> {
  try {
    return { ok: true, value: run() };
  } catch (error) {
    return failureFrom(error);
  }
}

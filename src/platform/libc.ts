import { dlopen, read, type Pointer } from "bun:ffi";
import { constants } from "node:os";
import type { OsFailure } from "./ports.ts";

/** The few C library calls that Bun has no own way to. Opened at the first use: a module must not act when loaded. */
export type Libc = ReturnType<typeof open>;

let opened: Libc | undefined;

export function libc(): Libc {
  opened ??= open();
  return opened;
}

/**
 * The failure of the libc call made just before. errno belongs to the thread, and nothing of Bun runs on this thread
 * between two FFI calls that follow each other.
 */
export function lastFailure(): OsFailure {
  const location = libc().__errno_location();
  // glibc and musl never return null here; without the check the type does not say so.
  const errno = location === null ? 0 : read.i32(location as Pointer, 0);
  return failureOf(errno);
}

export function failureOf(errno: number): OsFailure {
  const code = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
  return { ok: false, code, text: texts[code] ?? code };
}

/** What a thrown error of node:fs and the like says; rethrows what is no error of the operating system. */
export function failureFrom(error: unknown): OsFailure {
  if (error instanceof Error && "code" in error && typeof error.code === "string") {
    return { ok: false, code: error.code, text: texts[error.code] ?? error.message };
  }
  throw error;
}

/** Our words where strerror's are worse or where a caller prints them without the path. */
const texts: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EADDRINUSE: "address in use",
  EADDRNOTAVAIL: "this machine does not have the address",
  EAFNOSUPPORT: "the kernel has no support for this address family",
  ENOENT: "no such file or folder",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is no folder",
  ENOSPC: "no space left",
  EMFILE: "too many open descriptors in this process",
  ENFILE: "too many open descriptors on this machine",
  EINVAL: "invalid argument",
  EROFS: "read-only file system",
};

function open() {
  // glibc's name, then musl's (Alpine).
  const names = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];
  for (const name of names) {
    try {
      return load(name);
    } catch {
      // The next name may be this machine's.
    }
  }
  throw new Error(`no C library found (tried ${names.join(", ")})`);
}

function load(name: string) {
  return dlopen(name, {
    socket: { args: ["int", "int", "int"], returns: "int" },
    bind: { args: ["int", "ptr", "u32"], returns: "int" },
    connect: { args: ["int", "ptr", "u32"], returns: "int" },
    accept4: { args: ["int", "ptr", "ptr", "int"], returns: "int" },
    sendmsg: { args: ["int", "ptr", "int"], returns: "i64" },
    recvmsg: { args: ["int", "ptr", "int"], returns: "i64" },
    getsockopt: { args: ["int", "int", "int", "ptr", "ptr"], returns: "int" },
    fcntl: { args: ["int", "int", "int"], returns: "int" },
    execve: { args: ["ptr", "ptr", "ptr"], returns: "int" },
    signal: { args: ["int", "u64"], returns: "u64" },
    waitpid: { args: ["int", "ptr", "int"], returns: "int" },
    listen: { args: ["int", "int"], returns: "int" },
    getsockname: { args: ["int", "ptr", "ptr"], returns: "int" },
    setsockopt: { args: ["int", "int", "int", "ptr", "u32"], returns: "int" },
    close: { args: ["int"], returns: "int" },
    flock: { args: ["int", "int"], returns: "int" },
    prctl: { args: ["int", "ptr", "u64", "u64", "u64"], returns: "int" },
    getrlimit: { args: ["int", "ptr"], returns: "int" },
    setrlimit: { args: ["int", "ptr"], returns: "int" },
    setgroups: { args: ["u64", "ptr"], returns: "int" },
    setresgid: { args: ["u32", "u32", "u32"], returns: "int" },
    clock_gettime: { args: ["int", "ptr"], returns: "int" },
    setresuid: { args: ["u32", "u32", "u32"], returns: "int" },
    getpwnam: { args: ["ptr"], returns: "ptr" },
    getpwuid: { args: ["u32"], returns: "ptr" },
    __errno_location: { args: [], returns: "ptr" },
  }).symbols;
}

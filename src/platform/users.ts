import { CString, ptr, read, type Pointer } from "bun:ffi";
import { libc, lastFailure } from "./libc.ts";
import type { OsResult, UserIds } from "./ports.ts";

// struct passwd on 64-bit Linux: | name * | password * | uid u32 | gid u32 | …
const uidOffset = 16;
const gidOffset = 20;

/** Ids of a user as the system knows it (files, LDAP, …); absent where there is no such user. */
export function userIds(name: string): UserIds | undefined {
  const entry = libc().getpwnam(ptr(cString(name))) as Pointer | null;
  if (entry === null) return undefined;
  return { uid: read.u32(entry, uidOffset), gid: read.u32(entry, gidOffset) };
}

export function userName(uid: number): string | undefined {
  const entry = libc().getpwuid(uid) as Pointer | null;
  if (entry === null) return undefined;
  return new CString(read.ptr(entry, 0) as Pointer).toString();
}

/**
 * Gives up root for good, in this order: supplementary groups, group, user; after the user nothing else could change.
 * The C library's calls apply to every thread of the process, the bare system calls would not.
 */
export function become({ uid, gid }: UserIds): OsResult<undefined> {
  const c = libc();
  const done = c.setgroups(0, null) === 0 && c.setresgid(gid, gid, gid) === 0 && c.setresuid(uid, uid, uid) === 0;
  return done ? { ok: true, value: undefined } : lastFailure();
}

function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

import type { Socket } from "bun";

/** The sending half of a connection: what the kernel did not take waits here, and the source of the bytes is paused. */
export interface Sender {
  readonly socket: Socket<unknown> | null;
  /** Bytes that wait for `drain`; null when everything was taken. */
  backlog: Uint8Array | null;
  /** A write has failed: what comes as `end` now is a reset. */
  isBroken: boolean;
}

/** What `send` gives when the connection is broken. */
export const broken = -1;

/**
 * Writes `bytes[from, to)`, gives how many the kernel took, or `broken`. The rest is kept as a view when the caller gives
 * its bytes away (`isOwned`), as a copy when it goes on using them.
 */
export function send(sender: Sender, bytes: Uint8Array, from: number, to: number, isOwned: boolean): number {
  if (from === to) return 0;
  if (sender.isBroken || sender.socket === null) return broken;
  if (sender.backlog !== null) {
    sender.backlog = joined(sender.backlog, bytes, from, to);
    return 0;
  }
  const taken = sender.socket.write(bytes, from, to - from);
  if (taken < 0) {
    sender.isBroken = true;
    return broken;
  }
  if (taken < to - from) sender.backlog = isOwned ? bytes.subarray(from + taken, to) : bytes.slice(from + taken, to);
  return taken;
}

/** On `drain`: gives the bytes taken, or `broken`. The sender is empty again when `backlog` is null. */
export function flush(sender: Sender): number {
  const backlog = sender.backlog;
  if (backlog === null || sender.socket === null) return 0;
  const taken = sender.socket.write(backlog, 0, backlog.length);
  if (taken < 0) {
    sender.isBroken = true;
    sender.backlog = null;
    return broken;
  }
  sender.backlog = taken >= backlog.length ? null : backlog.subarray(taken);
  return taken;
}

function joined(first: Uint8Array, bytes: Uint8Array, from: number, to: number): Uint8Array {
  const all = new Uint8Array(first.length + to - from);
  all.set(first);
  all.set(bytes.subarray(from, to), first.length);
  return all;
}

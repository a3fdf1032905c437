import { addressText } from "../lib/address.ts";
import { ipFamily } from "../lib/ip.ts";
import type { BindAddress, ListenerConfig } from "../model/config.ts";
import type { ListenSocket } from "../model/snapshot.ts";
import type { ListenSockets, NumberedDescriptor, OsFailure } from "../platform/ports.ts";
import { holderText } from "./holder-text.ts";

/** A socket of a listener as the supervisor holds it. */
export interface BoundSocket extends ListenSocket {
  /** The `bind` entry that asked for it: sockets are kept while it stays. */
  readonly asked: string;
  /** Descriptor in this process; workers get it under another number. */
  readonly fd: number;
}

export type Bound =
  | {
      readonly kind: "bound";
      readonly sockets: ReadonlyMap<string, readonly BoundSocket[]>;
      /** Those that were not there before. */
      readonly opened: readonly BoundSocket[];
      /** Those of before that nobody asks for any more; still open. */
      readonly unused: readonly BoundSocket[];
      /** Lines for the log: what works otherwise than the file suggests. */
      readonly warnings: readonly string[];
    }
  | { readonly kind: "failed"; readonly line: string };

const backlog = 4096;
/** Tries to find one port that is free for IPv4 and IPv6, where any will do. */
const sharedPortTries = 16;

/**
 * Finds a socket for every address of every listener: one of `before` where the address is the same (whatever the
 * listener is called now), a new one else. All or none: after a failure nothing that was opened here stays open.
 */
export function bindListeners(
  ports: ListenSockets,
  listeners: readonly ListenerConfig[],
  { before, newId }: { readonly before: readonly BoundSocket[]; readonly newId: () => number },
): Bound {
  const sockets = new Map<string, readonly BoundSocket[]>();
  const warnings: string[] = [];
  const opened: BoundSocket[] = [];
  const unused = new Set(before);
  for (const { name, bind } of listeners) {
    const own: BoundSocket[] = [];
    for (const [index, address] of bind.entries()) {
      // Any free port: one for this place in this listener.
      const asked = address.port === 0 ? `${addressText(address)} ${name} ${index}` : addressText(address);
      const kept = [...unused].filter((socket) => socket.asked === asked);
      if (kept.length > 0) {
        for (const socket of kept) unused.delete(socket);
        own.push(...kept);
        continue;
      }
      const result = address.host === "*" ? bindWildcard(ports, address.port) : bindOne(ports, address, warnings, name);
      if (!Array.isArray(result)) {
        for (const { fd } of opened) ports.close(fd);
        const rival = before.find((socket) => overlaps(address, socket));
        return { kind: "failed", line: failureLine(ports, { name, address, rival }, result as OsFailure) };
      }
      const made = result.map((socket) => ({ ...socket, asked, id: newId() }));
      own.push(...made);
      opened.push(...made);
    }
    sockets.set(name, own);
  }
  return { kind: "bound", sockets, opened, unused: [...unused], warnings };
}

/** The sockets that are noted and were found; whatever else was found is closed. */
export function inheritedSockets(
  ports: ListenSockets,
  noted: readonly Omit<BoundSocket, "fd">[],
  found: readonly NumberedDescriptor[],
): readonly BoundSocket[] {
  const descriptors = new Map<number, number>();
  for (const { id, fd } of found) {
    if (descriptors.has(id)) ports.close(fd);
    else descriptors.set(id, fd);
  }
  const sockets = noted.flatMap((socket) => {
    const fd = descriptors.get(socket.id);
    // What a worker hands over is not believed: one that was taken over could make a socket of its own.
    if (fd === undefined || ports.boundPort(fd) !== socket.port) return [];
    descriptors.delete(socket.id);
    return [{ ...socket, fd }];
  });
  for (const fd of descriptors.values()) ports.close(fd);
  return sockets;
}

/** Whether the kernel lets a socket of ours listen there while this one does. */
function overlaps({ host, port }: BindAddress, socket: ListenSocket): boolean {
  if (port === 0 || port !== socket.port) return false;
  const isAny = (one: string) => one === "*" || one === "0.0.0.0" || one === "::";
  return host === socket.host || isAny(host) || isAny(socket.host);
}

type Opened = Pick<BoundSocket, "host" | "port" | "fd">;

function bindOne(
  ports: ListenSockets,
  { host, port }: BindAddress,
  warnings: string[],
  name: string,
): Opened[] | OsFailure {
  const options = { host, port, backlog, ipv6Only: ipFamily(host) === 6 };
  const bound = ports.bindListen({ ...options, freebind: false });
  if (bound.ok) return [{ host, ...bound.value }];
  if (bound.code !== "EADDRNOTAVAIL") return bound;
  // A service address may arrive later (it moves between nodes); a typing error must still be seen.
  const early = ports.bindListen({ ...options, freebind: true });
  if (!early.ok) return early;
  warnings.push(`listener ${name}: ${addressText({ host, port })} is no address of this machine now; waiting for it`);
  return [{ host, ...early.value }];
}

/** Two sockets, so that each family's addresses are what they are (no `::ffff:10.0.0.1`) and one may be missing. */
function bindWildcard(ports: ListenSockets, port: number): Opened[] | OsFailure {
  const base = { backlog, freebind: false };
  for (let tries = 1; ; tries++) {
    const ipv4 = ports.bindListen({ ...base, host: "0.0.0.0", port, ipv6Only: false });
    if (!ipv4.ok) return ipv4;
    const ipv6 = ports.bindListen({ ...base, host: "::", port: ipv4.value.port, ipv6Only: true });
    if (ipv6.ok)
      return [
        { host: "0.0.0.0", ...ipv4.value },
        { host: "::", ...ipv6.value },
      ];
    // A kernel without IPv6: `*` is every address there is.
    if (ipv6.code === "EAFNOSUPPORT") return [{ host: "0.0.0.0", ...ipv4.value }];
    ports.close(ipv4.value.fd);
    if (port !== 0 || ipv6.code !== "EADDRINUSE" || tries === sharedPortTries) return ipv6;
  }
}

function failureLine(
  ports: ListenSockets,
  where: { readonly name: string; readonly address: BindAddress; readonly rival: BoundSocket | undefined },
  failure: OsFailure,
): string {
  const { name, address, rival } = where;
  const start = `listener ${name}: cannot listen on ${addressText(address)}: ${failure.text}`;
  if (failure.code === "EADDRINUSE") {
    if (rival !== undefined)
      return (
        `${start} by this instance's own ${addressText(rival)}, which the kernel lets nothing overlap: ` +
        "take that listener away in one reload and add this one in the next, or restart"
      );
    const holder = ports.holder(address);
    return holder === undefined ? start : `${start} by ${holderText(holder)}`;
  }
  if (failure.code === "EACCES") {
    return `${start}: ports below net.ipv4.ip_unprivileged_port_start (1024) need root or the capability CAP_NET_BIND_SERVICE`;
  }
  return start;
}

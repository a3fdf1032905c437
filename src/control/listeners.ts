import { addressText } from "../lib/address.ts";
import { ipFamily } from "../lib/ip.ts";
import type { BindAddress, ListenerConfig } from "../model/config.ts";
import type { ListenSocket } from "../model/snapshot.ts";
import type { ListenSockets, OsFailure } from "../platform/ports.ts";
import { holderText } from "./holder-text.ts";

/** A socket of a listener as the supervisor holds it. */
export interface BoundSocket {
  readonly host: string;
  /** The real one. */
  readonly port: number;
  /** Descriptor in this process; workers get it under another number. */
  readonly fd: number;
}

export type Bound =
  | {
      readonly kind: "bound";
      readonly sockets: ReadonlyMap<string, readonly BoundSocket[]>;
      /** Lines for the log: what works otherwise than the file suggests. */
      readonly warnings: readonly string[];
    }
  | { readonly kind: "failed"; readonly line: string };

/** Descriptors 0, 1 and 2 of a worker are the standard ones. */
const firstInherited = 3;
const backlog = 4096;
/** Tries to find one port that is free for IPv4 and IPv6, where any will do. */
const sharedPortTries = 16;

/** Binds every address of every listener, or none: after a failure nothing stays open. */
export function bindListeners(ports: ListenSockets, listeners: readonly ListenerConfig[]): Bound {
  const sockets = new Map<string, readonly BoundSocket[]>();
  const warnings: string[] = [];
  const opened: BoundSocket[] = [];
  for (const { name, bind } of listeners) {
    const own: BoundSocket[] = [];
    for (const address of bind) {
      const result = address.host === "*" ? bindWildcard(ports, address.port) : bindOne(ports, address, warnings, name);
      if (!Array.isArray(result)) {
        for (const { fd } of opened) ports.close(fd);
        return { kind: "failed", line: failureLine(ports, name, address, result as OsFailure) };
      }
      own.push(...result);
      opened.push(...result);
    }
    sockets.set(name, own);
  }
  return { kind: "bound", sockets, warnings };
}

/** The order in which workers inherit the sockets, and the number each has there. */
export function inheritance(sockets: ReadonlyMap<string, readonly BoundSocket[]>): {
  readonly descriptors: readonly number[];
  readonly inWorkers: ReadonlyMap<string, readonly ListenSocket[]>;
} {
  const descriptors: number[] = [];
  const inWorkers = new Map<string, readonly ListenSocket[]>();
  for (const [name, bound] of sockets) {
    const own = bound.map(({ host, port, fd }) => ({
      host,
      port,
      fd: firstInherited + descriptors.push(fd) - 1,
    }));
    inWorkers.set(name, own);
  }
  return { descriptors, inWorkers };
}

function bindOne(
  ports: ListenSockets,
  { host, port }: BindAddress,
  warnings: string[],
  name: string,
): BoundSocket[] | OsFailure {
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
function bindWildcard(ports: ListenSockets, port: number): BoundSocket[] | OsFailure {
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

function failureLine(ports: ListenSockets, name: string, address: BindAddress, failure: OsFailure): string {
  const start = `listener ${name}: cannot listen on ${addressText(address)}: ${failure.text}`;
  if (failure.code === "EADDRINUSE") {
    const holder = ports.holder(address);
    return holder === undefined ? start : `${start} by ${holderText(holder)}`;
  }
  if (failure.code === "EACCES") {
    return `${start}: ports below net.ipv4.ip_unprivileged_port_start (1024) need root or the capability CAP_NET_BIND_SERVICE`;
  }
  return start;
}

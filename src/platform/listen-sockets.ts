import { ptr } from "bun:ffi";
import { failureOf, lastFailure, libc } from "./libc.ts";
import type { ListenOptions, ListenSockets, OsResult } from "./ports.ts";
import { portHolder } from "./port-holder.ts";
import { AddressFamily, portOf, socketAddress } from "./socket-address.ts";

// Numbers of the Linux ABI, the same on x86-64 and arm64.
const sockStream = 1;
const sockNonblock = 0o4000;
const sockCloexec = 0o2000000;
const solSocket = 1;
const soReuseaddr = 2;
const solIp = 0;
const ipFreebind = 15;
const solIpv6 = 41;
const ipv6V6only = 26;
const errnoInvalid = 22;
/** F_DUPFD_CLOEXEC */
const duplicateCloexec = 1030;
/** Behind the standard ones. */
const firstDescriptor = 3;

export const listenSockets: ListenSockets = {
  bindListen,
  setBacklog(fd, backlog) {
    return libc().listen(fd, backlog) === 0 ? { ok: true, value: undefined } : lastFailure();
  },
  boundPort,
  duplicate(fd) {
    const copy = libc().fcntl(fd, duplicateCloexec, firstDescriptor);
    return copy < 0 ? lastFailure() : { ok: true, value: copy };
  },
  close(fd) {
    libc().close(fd);
  },
  holder: portHolder,
};

/**
 * SO_REUSEADDR lets a restart bind while old connections are in TIME_WAIT; unlike SO_REUSEPORT it never lets two
 * listeners share a port. The descriptor is closed on exec: a worker gets it by the explicit list of `Bun.spawn`,
 * which duplicates it without that flag, and no other child gets it.
 */
function bindListen(options: ListenOptions): OsResult<{ fd: number; port: number }> {
  const address = socketAddress(options.host, options.port);
  if (address === undefined) return failureOf(errnoInvalid);
  const c = libc();
  const fd = c.socket(address.family, sockStream | sockNonblock | sockCloexec, 0);
  if (fd < 0) return lastFailure();
  const isIpv6 = address.family === AddressFamily.Ipv6;
  const done =
    switchOn(fd, solSocket, soReuseaddr) &&
    // 0 leaves the socket's default (net.ipv6.bindv6only) to nobody: both values are set on purpose.
    (!isIpv6 || setFlag({ fd, level: solIpv6, option: ipv6V6only, value: options.ipv6Only ? 1 : 0 })) &&
    (!options.freebind || switchOn(fd, solIp, ipFreebind)) &&
    c.bind(fd, ptr(address.bytes), address.bytes.length) === 0 &&
    c.listen(fd, options.backlog) === 0;
  const port = done ? boundPort(fd) : undefined;
  if (port !== undefined) return { ok: true, value: { fd, port } };
  const failure = lastFailure();
  c.close(fd);
  return failure;
}

function switchOn(fd: number, level: number, option: number): boolean {
  return setFlag({ fd, level, option, value: 1 });
}

function setFlag(flag: { fd: number; level: number; option: number; value: number }): boolean {
  return libc().setsockopt(flag.fd, flag.level, flag.option, ptr(new Int32Array([flag.value])), 4) === 0;
}

function boundPort(fd: number): number | undefined {
  const bytes = new Uint8Array(28);
  const size = new Uint32Array([bytes.length]);
  return libc().getsockname(fd, ptr(bytes), ptr(size)) === 0 ? portOf(bytes) : undefined;
}

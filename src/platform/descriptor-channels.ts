import { ptr } from "bun:ffi";
import { rmSync } from "node:fs";
import { failureOf, lastFailure, libc } from "./libc.ts";
import type { DescriptorChannel, DescriptorChannels, NumberedDescriptor, OsResult } from "./ports.ts";
import { withUmask } from "./umask.ts";

// Numbers of the Linux ABI, the same on x86-64 and arm64.
const familyUnix = 1;
/** SOCK_SEQPACKET: like a stream, but a message arrives whole, with the descriptors it was sent with. */
const kind = 5 | 0o4000 | 0o2000000;
const acceptFlags = 0o4000 | 0o2000000;
const solSocket = 1;
const soPeercred = 17;
const scmRights = 1;
const msgDontwait = 0x40;
const msgNosignal = 0x4000;
const msgCmsgCloexec = 0x40000000;
const errnoInvalid = 22;
const pathBytesMax = 107;
const backlog = 128;
/** Descriptors in one message; the kernel takes up to 253. */
const perMessage = 64;
const textBytesMax = 4096;

// struct msghdr: | name 8 | name length 8 | iov 8 | iov count 8 | control 8 | control length 8 | flags 8 |
const msgWords = 7;
const Msg = { iov: 2, iovCount: 3, control: 4, controlLength: 5 } as const;
// struct cmsghdr: | length 8 | level 4 | type 4 |, then the descriptors
const controlHeader = 16;

export const descriptorChannels: DescriptorChannels = {
  listen(path) {
    const address = unixAddress(path);
    if (address === undefined) return failureOf(errnoInvalid);
    const c = libc();
    const fd = c.socket(familyUnix, kind, 0);
    if (fd < 0) return lastFailure();
    const isBound = withUmask(0o177, () => c.bind(fd, ptr(address), address.length) === 0);
    if (!isBound || c.listen(fd, backlog) !== 0) {
      const failure = lastFailure();
      c.close(fd);
      return failure;
    }
    const stop = () => {
      c.close(fd);
      rmSync(path, { force: true });
    };
    return { ok: true, value: { accept: () => acceptAll(fd), stop } };
  },

  connect(path) {
    const address = unixAddress(path);
    if (address === undefined) return failureOf(errnoInvalid);
    const c = libc();
    const fd = c.socket(familyUnix, kind, 0);
    if (fd < 0) return lastFailure();
    // Never waits: where the backlog is full, this fails.
    if (c.connect(fd, ptr(address), address.length) === 0) return { ok: true, value: channelOf(fd) };
    const failure = lastFailure();
    c.close(fd);
    return failure;
  },
};

function acceptAll(server: number): readonly { pid: number; channel: DescriptorChannel }[] {
  const accepted = [];
  for (;;) {
    const fd = libc().accept4(server, null, null, acceptFlags);
    if (fd < 0) return accepted;
    accepted.push({ pid: peerPid(fd), channel: channelOf(fd) });
  }
}

/** The kernel's word for who connected; 0 where it has none. */
function peerPid(fd: number): number {
  // struct ucred: | pid i32 | uid u32 | gid u32 |
  const credentials = new Int32Array(3);
  const size = new Uint32Array([credentials.byteLength]);
  return libc().getsockopt(fd, solSocket, soPeercred, ptr(credentials), ptr(size)) === 0 ? credentials[0]! : 0;
}

function channelOf(fd: number): DescriptorChannel {
  let isOpen = true;
  return {
    send(descriptors) {
      for (let from = 0; from < descriptors.length; from += perMessage) {
        const sent = sendMessage(fd, descriptors.slice(from, from + perMessage));
        if (!sent.ok) return sent;
      }
      return { ok: true, value: undefined };
    },
    receive() {
      const all: NumberedDescriptor[] = [];
      for (;;) {
        const some = isOpen ? receiveMessage(fd) : undefined;
        if (some === undefined) return all;
        all.push(...some);
      }
    },
    close() {
      if (isOpen) libc().close(fd);
      isOpen = false;
    },
  };
}

function sendMessage(fd: number, descriptors: readonly NumberedDescriptor[]): OsResult<undefined> {
  const text = new TextEncoder().encode(JSON.stringify(descriptors.map(({ id }) => id)));
  const control = new Uint8Array(controlHeader + Math.ceil(descriptors.length / 2) * 8);
  const view = new DataView(control.buffer);
  view.setBigUint64(0, BigInt(controlHeader + 4 * descriptors.length), true);
  view.setInt32(8, solSocket, true);
  view.setInt32(12, scmRights, true);
  for (const [index, { fd: descriptor }] of descriptors.entries()) {
    view.setInt32(controlHeader + 4 * index, descriptor, true);
  }
  const { message, vector } = header(text, control);
  const sent = libc().sendmsg(fd, ptr(message), msgDontwait | msgNosignal);
  return Number(sent) === text.length && vector.length > 0 ? { ok: true, value: undefined } : lastFailure();
}

/** Absent: nothing is there, or nobody any more. */
function receiveMessage(fd: number): readonly NumberedDescriptor[] | undefined {
  const text = new Uint8Array(textBytesMax);
  const control = new Uint8Array(controlHeader + 4 * perMessage);
  const { message } = header(text, control);
  const count = Number(libc().recvmsg(fd, ptr(message), msgDontwait | msgCmsgCloexec));
  if (count <= 0) return undefined;
  const descriptors: number[] = [];
  if (message[Msg.controlLength]! >= BigInt(controlHeader)) {
    const view = new DataView(control.buffer);
    const end = Number(view.getBigUint64(0, true));
    for (let at = controlHeader; at + 4 <= end; at += 4) descriptors.push(view.getInt32(at, true));
  }
  const ids = idsOf(new TextDecoder().decode(text.subarray(0, count)));
  if (ids.length === descriptors.length) return ids.map((id, index) => ({ id, fd: descriptors[index]! }));
  // Some did not fit under our descriptor limit: then none can be told from the other.
  for (const descriptor of descriptors) libc().close(descriptor);
  return [];
}

function idsOf(text: string): readonly number[] {
  try {
    const ids: unknown = JSON.parse(text);
    return Array.isArray(ids) && ids.every((id) => typeof id === "number") ? ids : [];
  } catch {
    return [];
  }
}

/** Bun moves no buffer while something here refers to it; both are returned so that they live until after the call. */
function header(text: Uint8Array, control: Uint8Array): { message: BigUint64Array; vector: BigUint64Array } {
  // struct iovec: | base 8 | length 8 |
  const vector = new BigUint64Array([BigInt(ptr(text)), BigInt(text.length)]);
  const message = new BigUint64Array(msgWords);
  message[Msg.iov] = BigInt(ptr(vector));
  message[Msg.iovCount] = 1n;
  message[Msg.control] = BigInt(ptr(control));
  message[Msg.controlLength] = BigInt(control.length);
  return { message, vector };
}

/** struct sockaddr_un: | family 2 | path, NUL | */
function unixAddress(path: string): Uint8Array | undefined {
  const bytes = new TextEncoder().encode(path);
  if (bytes.length > pathBytesMax) return undefined;
  const address = new Uint8Array(2 + bytes.length + 1);
  new DataView(address.buffer).setUint16(0, familyUnix, true);
  address.set(bytes, 2);
  return address;
}

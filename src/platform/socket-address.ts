import { ipv6Words, parseIpv4, parseIpv6 } from "../lib/ip.ts";

export const AddressFamily = { Ipv4: 2, Ipv6: 10 } as const;
export type AddressFamily = (typeof AddressFamily)[keyof typeof AddressFamily];

/** Offset of the port (network byte order) in both `sockaddr_in` and `sockaddr_in6`. */
const portOffset = 2;

/**
 * `struct sockaddr_in` or `sockaddr_in6` for an IP literal; absent where `host` is none. Scoped IPv6 (`fe80::1%eth0`)
 * is not supported: the scope would be lost.
 *
 *   IPv4: | family 2 | port 2 | address 4 | zero 8 |
 *   IPv6: | family 2 | port 2 | flow 4 | address 16 | scope 4 |
 */
export function socketAddress(host: string, port: number): { family: AddressFamily; bytes: Uint8Array } | undefined {
  const ipv4 = parseIpv4(host);
  if (ipv4 >= 0) {
    const bytes = header(AddressFamily.Ipv4, port, 16);
    new DataView(bytes.buffer).setUint32(4, ipv4);
    return { family: AddressFamily.Ipv4, bytes };
  }
  const words = new Uint32Array(ipv6Words);
  if (host.includes("%") || !parseIpv6(host, words)) return undefined;
  const bytes = header(AddressFamily.Ipv6, port, 28);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of words.entries()) view.setUint32(8 + 4 * index, word);
  return { family: AddressFamily.Ipv6, bytes };
}

export function portOf(socketAddressBytes: Uint8Array): number {
  return (socketAddressBytes[portOffset]! << 8) | socketAddressBytes[portOffset + 1]!;
}

function header(family: AddressFamily, port: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  // The family is in the byte order of the machine; Bun runs on little-endian ones only.
  view.setUint16(0, family, true);
  view.setUint16(portOffset, port);
  return bytes;
}

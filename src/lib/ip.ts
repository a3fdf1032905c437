/**
 * IP addresses as text, without a `:port` and without brackets. Strict on purpose: what is ambiguous to another parser
 * (`010.0.0.1`, `1.2.3`, `::1::`) is no address here.
 */

/** Words of an IPv6 address: four unsigned 32-bit numbers, the most significant first. */
export const ipv6Words = 4;

const digit0 = 0x30;
const digit9 = 0x39;
const dot = 0x2e;
const colon = 0x3a;
const percent = 0x25;

/** The address as an unsigned 32-bit number, or -1 where `text` from `start` on is no dotted quad. */
export function parseIpv4(text: string, start = 0): number {
  let address = 0;
  let octet = -1;
  let dots = 0;
  for (let i = start; i < text.length; i++) {
    const byte = text.charCodeAt(i);
    if (byte >= digit0 && byte <= digit9) {
      // A leading zero is octal to inet_aton and decimal to others: refused.
      if (octet === 0) return -1;
      octet = octet < 0 ? byte - digit0 : octet * 10 + (byte - digit0);
      if (octet > 255) return -1;
    } else if (byte === dot) {
      if (octet < 0 || dots === 3) return -1;
      address = address * 256 + octet;
      octet = -1;
      dots++;
    } else {
      return -1;
    }
  }
  return dots === 3 && octet >= 0 ? address * 256 + octet : -1;
}

/**
 * Writes the four words of an IPv6 address (RFC 4291 §2.2, embedded IPv4 included) to `words` and says whether `text`
 * is one. A zone (`%eth0`) is skipped: the address is the same. After `false` the content of `words` means nothing.
 */
export function parseIpv6(text: string, words: Uint32Array): boolean {
  const end = zoneStart(text);
  words.fill(0);
  let groups = 0;
  let gap = -1;
  let i = 0;
  if (end < 2) return false;
  if (text.charCodeAt(0) === colon) {
    if (text.charCodeAt(1) !== colon) return false;
    gap = 0;
    i = 2;
  }
  while (i < end) {
    if (groups === 8) return false;
    let value = 0;
    const start = i;
    for (; i < end; i++) {
      const nibble = hexValue(text.charCodeAt(i));
      if (nibble < 0) break;
      value = value * 16 + nibble;
      if (i - start === 4) return false;
    }
    if (i < end && text.charCodeAt(i) === dot) {
      const quad = parseIpv4(text.slice(0, end), start);
      if (quad < 0 || groups > 6) return false;
      setGroup(words, groups++, quad >>> 16);
      setGroup(words, groups++, quad & 0xffff);
      break;
    }
    if (i === start) return false;
    setGroup(words, groups++, value);
    if (i === end) break;
    if (text.charCodeAt(i++) !== colon) return false;
    if (i === end) return false;
    if (text.charCodeAt(i) === colon) {
      if (gap >= 0) return false;
      gap = groups;
      i++;
    }
  }
  if (gap < 0) return groups === 8;
  // `::` stands for at least one group (RFC 5952 §4.2.2 asks writers not to use it for one; readers take it).
  if (groups === 8) return false;
  spreadGap(words, gap, groups);
  return true;
}

/** Whether the words are an IPv4-mapped address (`::ffff:10.0.0.1`, RFC 4291 §2.5.5.2). */
export function isMappedIpv4(words: Uint32Array): boolean {
  return words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
}

/** `4` or `6` for an IP literal without brackets and port, else 0. */
export function ipFamily(text: string): 0 | 4 | 6 {
  if (parseIpv4(text) >= 0) return 4;
  return text.includes(":") && parseIpv6(text, new Uint32Array(ipv6Words)) ? 6 : 0;
}

/** The same text for the same address: a way to compare literals that are spelt differently. Other text comes back unchanged. */
export function ipKey(text: string): string {
  const words = new Uint32Array(ipv6Words);
  return text.includes(":") && parseIpv6(text, words) ? [...words].map((word) => word.toString(16)).join(":") : text;
}

/** 127.0.0.0/8 or ::1. */
export function isLoopback(text: string): boolean {
  const ipv4 = parseIpv4(text);
  if (ipv4 >= 0) return ipv4 >>> 24 === 127;
  const words = new Uint32Array(ipv6Words);
  if (!text.includes(":") || !parseIpv6(text, words)) return false;
  if (isMappedIpv4(words)) return words[3]! >>> 24 === 127;
  return words[0] === 0 && words[1] === 0 && words[2] === 0 && words[3] === 1;
}

function zoneStart(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) === percent) return i;
  return text.length;
}

function hexValue(byte: number): number {
  if (byte >= digit0 && byte <= digit9) return byte - digit0;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function group(words: Uint32Array, index: number): number {
  const word = words[index >> 1]!;
  return index & 1 ? word & 0xffff : word >>> 16;
}

function setGroup(words: Uint32Array, index: number, value: number): void {
  const word = words[index >> 1]!;
  words[index >> 1] = index & 1 ? (word & 0xffff0000) | value : (word & 0xffff) | (value << 16);
}

/** Moves the groups behind `::` to the end and zeroes what they leave. */
function spreadGap(words: Uint32Array, gap: number, groups: number): void {
  const shift = 8 - groups;
  for (let from = groups - 1; from >= gap; from--) {
    setGroup(words, from + shift, group(words, from));
    if (from < gap + shift) setGroup(words, from, 0);
  }
  for (let index = gap; index < gap + shift; index++) setGroup(words, index, 0);
}

import { ipv6Words, isMappedIpv4, parseIpv4, parseIpv6 } from "./ip.ts";

/**
 * CIDR lists, compiled to sorted ranges: a look-up is one parse and one binary search, whatever the length of the list,
 * and makes no garbage. IPv4-mapped IPv6 addresses (`::ffff:10.0.0.1`, as a dual-stack socket reports its IPv4 peers)
 * are IPv4 addresses here, in lists and in look-ups: `::/0` does not contain them, `0.0.0.0/0` does.
 */
export type Cidr =
  | {
      readonly family: 4;
      readonly first: number;
      readonly last: number;
      readonly hasHostBits: boolean;
    }
  | {
      readonly family: 6;
      readonly first: Words;
      readonly last: Words;
      readonly hasHostBits: boolean;
    };

/** An IPv6 address as four unsigned 32-bit numbers, the most significant first. */
export type Words = readonly [number, number, number, number];

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32` or a single address. `hasHostBits`: the address has bits set behind the prefix
 * (`10.1.2.3/8`), which are ignored. `undefined`: `text` is neither.
 */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const ipv4 = parseIpv4(address);
  const prefixMax = ipv4 >= 0 ? 32 : 128;
  const prefix = slash < 0 ? prefixMax : parsePrefix(text.slice(slash + 1), prefixMax);
  if (prefix < 0) return undefined;
  if (ipv4 >= 0) return cidr4(ipv4, prefix);
  const words = new Uint32Array(ipv6Words);
  if (address.includes("%") || !parseIpv6(address, words)) return undefined;
  if (isMappedIpv4(words) && prefix >= 96) return cidr4(words[3]!, prefix - 96);
  return cidr6(words, prefix);
}

/**
 * A test for "is this address in one of these networks". Entries that are no CIDR throw a TypeError: lists come from a
 * checked configuration. The returned function takes any text and says `false` for what is no address.
 */
export function compileCidrs(list: readonly string[]): (address: string) => boolean {
  const ranges4: { first: number; last: number }[] = [];
  const ranges6: { first: Words; last: Words }[] = [];
  for (const text of list) {
    const cidr = parseCidr(text);
    if (cidr === undefined) throw new TypeError(`not a CIDR: ${text}`);
    if (cidr.family === 4) ranges4.push(cidr);
    else ranges6.push(cidr);
  }
  if (ranges4.length === 0 && ranges6.length === 0) return () => false;
  const contains4 = compile4(ranges4);
  const contains6 = compile6(ranges6);
  const words = new Uint32Array(ipv6Words);
  return (address) => {
    const ipv4 = parseIpv4(address);
    if (ipv4 >= 0) return contains4(ipv4);
    if (!parseIpv6(address, words)) return false;
    return isMappedIpv4(words) ? contains4(words[3]!) : contains6(words);
  };
}

function parsePrefix(text: string, max: number): number {
  if (!/^(0|[1-9][0-9]{0,2})$/.test(text)) return -1;
  const prefix = Number(text);
  return prefix <= max ? prefix : -1;
}

function mask32(prefix: number): number {
  return prefix <= 0 ? 0 : prefix >= 32 ? 0xffffffff : (0xffffffff << (32 - prefix)) >>> 0;
}

function cidr4(address: number, prefix: number): Cidr {
  const mask = mask32(prefix);
  const first = (address & mask) >>> 0;
  return { family: 4, first, last: (first | ~mask) >>> 0, hasHostBits: first !== address };
}

function cidr6(words: Uint32Array, prefix: number): Cidr {
  const first: [number, number, number, number] = [0, 0, 0, 0];
  const last: [number, number, number, number] = [0, 0, 0, 0];
  let hasHostBits = false;
  for (let i = 0; i < ipv6Words; i++) {
    const mask = mask32(prefix - 32 * i);
    const word = words[i]!;
    first[i] = (word & mask) >>> 0;
    last[i] = (word | ~mask) >>> 0;
    if (first[i] !== word) hasHostBits = true;
  }
  return { family: 6, first, last, hasHostBits };
}

/** Two CIDRs are apart or one holds the other, so sorted ranges only need those dropped that lie in an earlier one. */
function compile4(ranges: { first: number; last: number }[]): (address: number) => boolean {
  ranges.sort((a, b) => a.first - b.first || b.last - a.last);
  const kept: { first: number; last: number }[] = [];
  for (const range of ranges) {
    const before = kept.at(-1);
    if (before === undefined || range.first > before.last) kept.push(range);
  }
  const firsts = Uint32Array.from(kept, (range) => range.first);
  const lasts = Uint32Array.from(kept, (range) => range.last);
  return (address) => {
    let low = 0;
    let high = firsts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (firsts[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    return low > 0 && address <= lasts[low - 1]!;
  };
}

function compile6(ranges: { first: Words; last: Words }[]): (address: Uint32Array) => boolean {
  ranges.sort((a, b) => compareWords(a.first, b.first) || compareWords(b.last, a.last));
  const kept: { first: Words; last: Words }[] = [];
  for (const range of ranges) {
    const before = kept.at(-1);
    if (before === undefined || compareWords(range.first, before.last) > 0) kept.push(range);
  }
  return (address) => {
    let low = 0;
    let high = kept.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      // `middle` is below `kept.length`.
      if (compareWords(kept[middle]!.first, address) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 && compareWords(address, kept[low - 1]!.last) <= 0;
  };
}

function compareWords(a: Words | Uint32Array, b: Words | Uint32Array): number {
  for (let i = 0; i < ipv6Words; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

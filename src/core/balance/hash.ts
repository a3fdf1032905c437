/**
 * The hash that keys and points of the ring are placed by: FNV-1a over the bytes, 32 bits, and the last mixing step of
 * MurmurHash3 (Appleby, public domain), because FNV alone leaves short names that differ in the last byte close together.
 * All nodes must agree on it: it is never changed. Whoever chooses the keys can aim at one endpoint; the bounded load is
 * what holds against that.
 */
const offsetBasis = 0x811c9dc5;
const prime = 0x01000193;

/** Unsigned 32 bits, of `bytes[from, to)`. */
export function hashBytes(bytes: Uint8Array, from: number, to: number): number {
  let hash = offsetBasis;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, prime);
  return mix(hash);
}

/** The same of a text, as its characters below 256 are written in bytes. */
export function hashText(text: string): number {
  let hash = offsetBasis;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ (text.charCodeAt(at) & 0xff), prime);
  return mix(hash);
}

function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

import { Byte, hexValue, isDigit } from "../../lib/bytes.ts";

const dot = 0x2e;
const percent = 0x25;

/** Whether `normalisePath` could change anything: true for any `%`, `//` or segment that begins with a dot. */
export function needsNormalising(path: Uint8Array): boolean {
  for (let at = 0; at < path.length; at++) {
    const byte = path[at];
    if (byte === percent) return true;
    if (byte === Byte.Slash && (path[at + 1] === Byte.Slash || path[at + 1] === dot)) return true;
  }
  return false;
}

/**
 * A path in its normal form (RFC 3986 §6.2.2.2 and §5.2.4): escapes of unreserved characters decoded, `.` and `..`
 * resolved without leaving the root, doubled slashes made one. Other escapes stay, so `%2F` never becomes a separator.
 */
export function normalisePath(path: Uint8Array): Uint8Array {
  const decoded = decodeUnreserved(path);
  const out = new Uint8Array(decoded.length + 1);
  let length = 0;
  let at = 0;
  while (at < decoded.length) {
    while (at < decoded.length && decoded[at] === Byte.Slash) at++;
    const start = at;
    while (at < decoded.length && decoded[at] !== Byte.Slash) at++;
    const size = at - start;
    const isLast = at >= decoded.length;
    if (size === 2 && decoded[start] === dot && decoded[start + 1] === dot) {
      while (length > 0 && out[length - 1] !== Byte.Slash) length--;
      if (length > 0) length--;
      if (isLast) out[length++] = Byte.Slash;
    } else if (size === 0 || (size === 1 && decoded[start] === dot)) {
      if (isLast) out[length++] = Byte.Slash;
    } else {
      out[length++] = Byte.Slash;
      for (let from = start; from < at; from++) out[length++] = decoded[from]!;
    }
  }
  return out.subarray(0, length);
}

function decodeUnreserved(path: Uint8Array): Uint8Array {
  const out = new Uint8Array(path.length);
  let length = 0;
  for (let at = 0; at < path.length; at++) {
    const high = hexValue[path[at + 1] ?? 0]!;
    const low = hexValue[path[at + 2] ?? 0]!;
    if (path[at] === percent && high < 16 && low < 16 && isUnreserved(high * 16 + low)) {
      out[length++] = high * 16 + low;
      at += 2;
    } else {
      out[length++] = path[at]!;
    }
  }
  return out.subarray(0, length);
}

function isUnreserved(byte: number): boolean {
  const lower = byte | 0x20;
  return (
    isDigit(byte) ||
    (lower >= 0x61 && lower <= 0x7a) ||
    byte === dot ||
    byte === 0x2d ||
    byte === Byte.Underscore ||
    byte === 0x7e
  );
}

/** Byte classes of HTTP, as tables: one load answers "may this byte stand here?". */

export const Byte = {
  Tab: 0x09,
  Lf: 0x0a,
  Cr: 0x0d,
  Space: 0x20,
  Hash: 0x23,
  Star: 0x2a,
  Comma: 0x2c,
  Slash: 0x2f,
  Zero: 0x30,
  Nine: 0x39,
  Colon: 0x3a,
  Semicolon: 0x3b,
  Question: 0x3f,
  At: 0x40,
  Underscore: 0x5f,
} as const;

const tokenPunctuation = "!#$%&'*+-.^_`|~";

function table(allows: (byte: number) => boolean): Uint8Array {
  const flags = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++) flags[byte] = allows(byte) ? 1 : 0;
  return flags;
}

export function isDigit(byte: number): boolean {
  return byte >= Byte.Zero && byte <= Byte.Nine;
}

function isAlpha(byte: number): boolean {
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

/** `tchar` of RFC 9110 §5.6.2: what methods and field names are made of. */
export const tokenByte = table(
  (byte) => isDigit(byte) || isAlpha(byte) || (byte < 128 && tokenPunctuation.includes(String.fromCharCode(byte))),
);

/** What may stand in a field value (RFC 9110 §5.5): visible characters, obs-text, space and tab. */
export const valueByte = table((byte) => byte === Byte.Tab || (byte >= Byte.Space && byte !== 0x7f));

/** What may stand in a request target: visible ASCII but `#`, which never belongs on the wire (RFC 9112 §3.2). */
export const targetByte = table((byte) => byte > Byte.Space && byte < 0x7f && byte !== Byte.Hash);

/** What may stand in a Host value (RFC 3986 §3.2.2 and port): no userinfo, no path, no comma, no space. */
export const hostByte = table(
  (byte) => isDigit(byte) || isAlpha(byte) || (byte < 128 && "-._~%!$&'()*+;=:[]".includes(String.fromCharCode(byte))),
);

/** Value of a hexadecimal digit, 255 for any other byte. */
export const hexValue = ((): Uint8Array => {
  const values = new Uint8Array(256).fill(255);
  for (let digit = 0; digit < 16; digit++) {
    values["0123456789abcdef".charCodeAt(digit)] = digit;
    values["0123456789ABCDEF".charCodeAt(digit)] = digit;
  }
  return values;
})();

export function latin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

export function latin1Text(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let at = from; at < to; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}

/** Whether `bytes[from, to)` equals `lower` when ASCII case is ignored; `lower` must be lower case. */
export function equalsIgnoringCase(bytes: Uint8Array, from: number, to: number, lower: Uint8Array): boolean {
  if (to - from !== lower.length) return false;
  for (let at = 0; at < lower.length; at++) {
    const byte = bytes[from + at]!;
    const folded = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (folded !== lower[at]) return false;
  }
  return true;
}

/** Whether `bytes[from, to)` and `other[otherFrom, …)` are the same but for ASCII case. */
export function rangesEqualIgnoringCase(bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): boolean {
  if (aEnd - a !== bEnd - b) return false;
  for (let at = 0; at < aEnd - a; at++) {
    let left = bytes[a + at]!;
    let right = bytes[b + at]!;
    if (left >= 0x41 && left <= 0x5a) left |= 0x20;
    if (right >= 0x41 && right <= 0x5a) right |= 0x20;
    if (left !== right) return false;
  }
  return true;
}

/**
 * Copies `source[from, to)` to `target` at `at` and gives the place behind it. A loop beats the call into the engine's
 * memmove for the few dozen bytes of a header line; long ranges go there.
 */
export function copyBytes(target: Uint8Array, at: number, source: Uint8Array, from: number, to: number): number {
  if (to - from > 96) {
    target.set(source.subarray(from, to), at);
    return at + (to - from);
  }
  for (let read = from; read < to; read++) target[at++] = source[read]!;
  return at;
}

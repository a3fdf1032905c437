/**
 * Bytes as text for people: how the corpus files write wire data, and how a failed assertion shows it.
 *
 *   \r \n \t \0 \\ \"   as in C              \xHH        one byte
 *   \{a*9000}           "a" 9000 times; the repeated text may hold escapes
 */
export function decodeWire(text: string): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  while (at < text.length) {
    const backslash = text.indexOf("\\", at);
    if (backslash < 0) {
      parts.push(Buffer.from(text.slice(at), "utf8"));
      break;
    }
    parts.push(Buffer.from(text.slice(at, backslash), "utf8"));
    const [bytes, next] = decodeEscape(text, backslash + 1);
    parts.push(bytes);
    at = next;
  }
  return Buffer.concat(parts);
}

const simpleEscapes: Readonly<Record<string, string>> = {
  r: "\r",
  n: "\n",
  t: "\t",
  "0": "\0",
  "\\": "\\",
  '"': '"',
};

function decodeEscape(text: string, at: number): [Buffer, number] {
  const letter = text[at] ?? "";
  const simple = simpleEscapes[letter];
  if (simple !== undefined) return [Buffer.from(simple), at + 1];
  if (letter === "x") {
    const digits = text.slice(at + 1, at + 3);
    if (!/^[0-9a-fA-F]{2}$/.test(digits)) throw new Error(`\\x needs two hex digits, got "${digits}"`);
    return [Buffer.from([Number.parseInt(digits, 16)]), at + 3];
  }
  if (letter === "{") {
    const end = text.indexOf("}", at);
    const found = /^([\s\S]*)\*(\d+)$/.exec(end < 0 ? "" : text.slice(at + 1, end));
    if (found === null) throw new Error(`\\{text*count} expected at "${text.slice(at, at + 20)}"`);
    const unit = decodeWire(found[1] ?? "");
    const count = Number(found[2]);
    return [Buffer.alloc(unit.length * count, unit), end + 1];
  }
  throw new Error(`unknown escape "\\${letter}"`);
}

/** One printable line; long data is cut in the middle, with the number of bytes left out. */
export function showWire(bytes: Uint8Array, bytesMax = 4000): string {
  if (bytes.length > bytesMax) {
    const half = bytesMax >> 1;
    const hidden = bytes.length - 2 * half;
    return `${showWire(bytes.subarray(0, half))}…(${hidden} bytes)…${showWire(bytes.subarray(bytes.length - half))}`;
  }
  let text = "";
  for (const byte of bytes) text += showByte(byte);
  return text;
}

function showByte(byte: number): string {
  switch (byte) {
    case 0x0d:
      return "\\r";
    case 0x0a:
      return "\\n";
    case 0x09:
      return "\\t";
    case 0x5c:
      return "\\\\";
    case 0x22:
      return '\\"';
    default:
      return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
}

/** Text to bytes, one byte per character (the tests speak latin-1, so that any byte can be written). */
export function bytesOf(text: string | Uint8Array): Buffer {
  return typeof text === "string"
    ? Buffer.from(text, "latin1")
    : Buffer.from(text.buffer, text.byteOffset, text.byteLength);
}

import { Byte, hexValue, latin1Text, tokenByte, valueByte } from "../../lib/bytes.ts";
import { Field, fieldOf, isForbiddenTrailer } from "./fields.ts";
import { Refusal } from "./refusal.ts";

/** Hexadecimal digits of a chunk size: 13 of them stay exact in a float64. */
const sizeDigitsMax = 13;
/** Bytes of one chunk's extensions; nobody uses them, floods do. */
const extensionBytesMax = 1024;

/** Where the decoder stands. */
const State = {
  /** First digit of a chunk size. */
  Size: 0,
  /** Further digits, `;` or CR. */
  SizeDigits: 1,
  /** Chunk extensions: read over, never passed on. */
  Extension: 2,
  /** LF after a chunk's size line. */
  SizeLf: 3,
  Data: 4,
  /** CR and LF behind the data of a chunk. */
  DataCr: 5,
  DataLf: 6,
  /** First byte behind the last chunk's line: CR ends the body, all else starts a trailer. */
  TrailerStart: 7,
  EndLf: 8,
  Trailer: 9,
  Done: 10,
} as const;
type State = (typeof State)[keyof typeof State];

export const Decoded = { More: 0, Done: 1, Refused: 2 } as const;
export type Decoded = (typeof Decoded)[keyof typeof Decoded];

/**
 * Reads a chunked body (RFC 9112 §7.1) strictly and prepares it *in place* for the other side: what is to be written
 * stands in `bytes[from, writeEnd)` afterwards. Normally that is what was read, byte for byte, and nothing is copied;
 * extensions are squeezed out, and with `keepsFraming` false (the receiver speaks HTTP/1.0) sizes and line ends too.
 * Trailers are collected, filtered, and given at the end as `tail`, to be written behind it.
 */
export class ChunkedDecoder {
  refusal: Refusal = Refusal.None;
  /** End of what is to be written, after each `feed`. */
  writeEnd = 0;
  /** First byte that does not belong to the body any more, after `Done`. */
  readEnd = 0;
  /** Trailer lines and the final empty line, where the body had trailers and framing is kept. */
  tail: Uint8Array | undefined;
  /** Data bytes so far, framing not counted. */
  dataBytes = 0;

  #state: State = State.Size;
  #keepsFraming = true;
  #remaining = 0;
  #digits = 0;
  #extensionBytes = 0;
  #trailer: number[] | undefined;
  #trailerBytesMax = 0;
  #trailersMax = 0;

  reset(options: {
    readonly keepsFraming: boolean;
    readonly trailerBytesMax: number;
    readonly trailersMax: number;
  }): void {
    this.refusal = Refusal.None;
    this.tail = undefined;
    this.dataBytes = 0;
    this.#state = State.Size;
    this.#keepsFraming = options.keepsFraming;
    this.#remaining = 0;
    this.#trailer = undefined;
    this.#trailerBytesMax = options.trailerBytesMax;
    this.#trailersMax = options.trailersMax;
  }

  feed(bytes: Uint8Array, from: number, end: number): Decoded {
    const keeps = this.#keepsFraming;
    let read = from;
    let write = from;
    while (read < end) {
      if (this.#state === State.Data) {
        const length = Math.min(this.#remaining, end - read);
        if (write !== read) bytes.copyWithin(write, read, read + length);
        read += length;
        write += length;
        this.dataBytes += length;
        this.#remaining -= length;
        if (this.#remaining > 0) break;
        this.#state = State.DataCr;
        continue;
      }
      const byte = bytes[read++]!;
      switch (this.#state) {
        case State.Size:
          if (hexValue[byte] === 255) return this.#refuse();
          this.#remaining = hexValue[byte]!;
          this.#digits = 1;
          this.#state = State.SizeDigits;
          if (keeps) bytes[write++] = byte;
          break;
        case State.SizeDigits:
          if (hexValue[byte]! !== 255) {
            if (++this.#digits > sizeDigitsMax) return this.#refuse();
            this.#remaining = this.#remaining * 16 + hexValue[byte]!;
            if (keeps) bytes[write++] = byte;
          } else if (byte === Byte.Cr) {
            this.#state = State.SizeLf;
            if (keeps) bytes[write++] = byte;
          } else if (byte === Byte.Semicolon) {
            this.#extensionBytes = 0;
            this.#state = State.Extension;
          } else return this.#refuse();
          break;
        case State.Extension:
          if (byte === Byte.Cr) {
            this.#state = State.SizeLf;
            if (keeps) bytes[write++] = byte;
          } else if (valueByte[byte] !== 1 || ++this.#extensionBytes > extensionBytesMax) return this.#refuse();
          break;
        case State.SizeLf:
          if (byte !== Byte.Lf) return this.#refuse();
          if (keeps) bytes[write++] = byte;
          this.#state = this.#remaining === 0 ? State.TrailerStart : State.Data;
          break;
        case State.DataCr:
          if (byte !== Byte.Cr) return this.#refuse();
          if (keeps) bytes[write++] = byte;
          this.#state = State.DataLf;
          break;
        case State.DataLf:
          if (byte !== Byte.Lf) return this.#refuse();
          if (keeps) bytes[write++] = byte;
          this.#state = State.Size;
          break;
        case State.TrailerStart:
          if (byte === Byte.Cr) {
            this.#state = State.EndLf;
            if (keeps) bytes[write++] = byte;
          } else if (tokenByte[byte] !== 1) {
            return this.#refuse(Refusal.BadTrailer);
          } else {
            this.#trailer = [byte];
            this.#state = State.Trailer;
          }
          break;
        case State.EndLf:
          if (byte !== Byte.Lf) return this.#refuse();
          if (keeps) bytes[write++] = byte;
          return this.#done(read, write);
        default: {
          const trailer = this.#trailer!;
          trailer.push(byte);
          if (trailer.length > this.#trailerBytesMax) return this.#refuse(Refusal.BadTrailer);
          if (byte === Byte.Lf && endsInEmptyLine(trailer)) {
            if (!this.#readTrailer(trailer)) return this.#refuse(Refusal.BadTrailer);
            return this.#done(read, write);
          }
        }
      }
    }
    this.writeEnd = write;
    this.readEnd = read;
    return Decoded.More;
  }

  #refuse(refusal: Refusal = Refusal.BadChunk): Decoded {
    this.refusal = refusal;
    return Decoded.Refused;
  }

  #done(read: number, write: number): Decoded {
    this.#state = State.Done;
    this.readEnd = read;
    this.writeEnd = write;
    return Decoded.Done;
  }

  /** Trailers are rare, so they are read as text; the same byte rules hold as for fields. */
  #readTrailer(collected: readonly number[]): boolean {
    const bytes = Uint8Array.from(collected);
    const kept: number[] = [];
    let at = 0;
    for (let lines = 0; bytes[at] !== Byte.Cr; lines++) {
      if (lines >= this.#trailersMax) return false;
      const start = at;
      while (tokenByte[bytes[at]!] === 1) at++;
      if (at === start || bytes[at] !== Byte.Colon) return false;
      const id = fieldOf(bytes, start, at);
      const isPassed = isForbiddenTrailer[id] !== 1 && !latin1Text(bytes, start, at).includes("_");
      at++;
      while (valueByte[bytes[at]!] === 1) at++;
      if (bytes[at] !== Byte.Cr || bytes[at + 1] !== Byte.Lf) return false;
      at += 2;
      if (id === Field.Other && isPassed) for (let line = start; line < at; line++) kept.push(bytes[line]!);
    }
    if (bytes[at + 1] !== Byte.Lf || at + 2 !== bytes.length) return false;
    if (this.#keepsFraming) this.tail = Uint8Array.from([...kept, Byte.Cr, Byte.Lf]);
    return true;
  }
}

function endsInEmptyLine(collected: readonly number[]): boolean {
  const end = collected.length;
  // A bare LF line ends collection too, so that it is refused at once instead of waited out.
  return (
    (collected[end - 3] === Byte.Lf && collected[end - 2] === Byte.Cr) ||
    collected[end - 2] === Byte.Lf ||
    collected[end - 2] !== Byte.Cr
  );
}

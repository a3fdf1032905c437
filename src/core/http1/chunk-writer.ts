import { Byte } from "../../lib/bytes.ts";

/** Room for a chunk's size line and the line end behind its data. */
export const chunkOverheadMax = 16;

/** `0 CRLF CRLF`: the end of a chunked body without trailers. */
export const lastChunk = Uint8Array.of(Byte.Zero, Byte.Cr, Byte.Lf, Byte.Cr, Byte.Lf);

/** Writes the size line of a chunk of `length` > 0 bytes at `at`, gives the place behind it (RFC 9112 §7.1). */
export function writeChunkSize(out: Uint8Array, at: number, length: number): number {
  const digits = length.toString(16);
  for (let which = 0; which < digits.length; which++) out[at++] = digits.charCodeAt(which);
  out[at++] = Byte.Cr;
  out[at++] = Byte.Lf;
  return at;
}

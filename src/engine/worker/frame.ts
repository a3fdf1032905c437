/**
 * Messages on the worker link: a 4-byte big-endian length, then so many bytes of JSON.
 */
const lengthBytes = 4;

/** Longer frames are refused: a snapshot of 16 384 endpoints is about 5 MiB. */
export const frameBytesMax = 64 * 1024 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Throws a RangeError past `frameBytesMax`: the sender's own fault. */
export function encodeFrame(message: unknown): Uint8Array {
  const body = encoder.encode(JSON.stringify(message));
  if (body.length > frameBytesMax) throw new RangeError(`a link message of ${body.length} bytes`);
  const frame = new Uint8Array(lengthBytes + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, lengthBytes);
  return frame;
}

/** Puts frames together from whatever pieces the socket delivers. */
export class FrameReader {
  #parts: Uint8Array[] = [];
  #bytes = 0;
  /** Body length of the frame that is being read; absent while its length itself is incomplete. */
  #awaited: number | undefined;

  /**
   * Takes a piece and returns the messages that it completes. A text instead says why the peer does not speak this
   * protocol; the link must then be closed.
   */
  push(piece: Uint8Array): unknown[] | string {
    // The socket may reuse its buffer after the callback.
    this.#parts.push(piece.slice());
    this.#bytes += piece.length;
    const messages: unknown[] = [];
    for (;;) {
      if (this.#awaited === undefined) {
        if (this.#bytes < lengthBytes) return messages;
        const header = this.#take(lengthBytes);
        this.#awaited = new DataView(header.buffer, header.byteOffset).getUint32(0);
        if (this.#awaited > frameBytesMax) return `a frame of ${this.#awaited} bytes (most: ${frameBytesMax})`;
      }
      if (this.#bytes < this.#awaited) return messages;
      const body = this.#take(this.#awaited);
      this.#awaited = undefined;
      try {
        messages.push(JSON.parse(decoder.decode(body)));
      } catch {
        return "a frame that is not JSON";
      }
    }
  }

  /** The first `count` bytes, which are there; joined only now, so that a big frame is copied once. */
  #take(count: number): Uint8Array {
    const all = this.#parts.length === 1 ? this.#parts[0]! : concat(this.#parts, this.#bytes);
    this.#parts = all.length > count ? [all.subarray(count)] : [];
    this.#bytes = all.length - count;
    return all.subarray(0, count);
  }
}

function concat(parts: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

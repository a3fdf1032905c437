import { Fed, type HeadLimits, HeadParser } from "../../core/http1/head-parser.ts";

/** A head that did not come whole: what has come of it, and the parser that has read it. */
export interface PartialHead {
  readonly parser: HeadParser;
  bytes: Uint8Array;
  length: number;
}

/** Keeps the unfinished head in `bytes[from, end)` and reads what is there of it. */
export function beginPartial(
  isResponse: boolean,
  limits: HeadLimits,
  bytes: Uint8Array,
  from: number,
  end: number,
): PartialHead {
  const kept = new Uint8Array(Math.max(1024, (end - from) * 2));
  kept.set(bytes.subarray(from, end));
  const partial: PartialHead = {
    parser: new HeadParser(isResponse, limits),
    bytes: kept,
    length: end - from,
  };
  partial.parser.feed(kept, 0, partial.length);
  return partial;
}

/** Adds `bytes[from, end)` and reads on. All that came stays in `partial.bytes`, what follows the head included. */
export function feedPartial(partial: PartialHead, bytes: Uint8Array, from: number, end: number): Fed {
  const length = partial.length + end - from;
  if (length > partial.bytes.length) {
    const larger = new Uint8Array(length * 2);
    larger.set(partial.bytes.subarray(0, partial.length));
    partial.bytes = larger;
  }
  partial.bytes.set(bytes.subarray(from, end), partial.length);
  partial.length = length;
  return partial.parser.feed(partial.bytes, 0, length);
}

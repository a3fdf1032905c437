import { Byte, copyBytes, latin1 } from "../../lib/bytes.ts";
import { Field, isHopByHop } from "./fields.ts";
import { Column, columns, type HeadParser } from "./head-parser.ts";
import { isNamed, isPlainLine, writePlainLine } from "./request-writer.ts";

/** What happens to the body's framing on its way to the client. */
export const Reframe = {
  /** As the endpoint sent it. */
  Keep: 0,
  /** Delimited by close at the endpoint, chunked to a 1.1 client. */
  ToChunked: 1,
  /** Without any framing, ended by closing: for a 1.0 client. */
  ToClose: 2,
} as const;
export type Reframe = (typeof Reframe)[keyof typeof Reframe];

/** What is said about the connection to the client. */
export const Persistence = {
  /** Nothing: HTTP/1.1 stays open by itself. */
  Silent: 0,
  /** `Connection: close` */
  Close: 1,
  /** `Connection: keep-alive`, for 1.0 clients that asked for it. */
  KeepAlive: 2,
  /** `Connection: upgrade`, and Upgrade is passed on: the 101 that opens a tunnel. */
  Upgrade: 3,
} as const;
export type Persistence = (typeof Persistence)[keyof typeof Persistence];

const version = latin1("HTTP/1.1");
/** Length of `HTTP/1.1 200` CR LF. */
const shortStatusLine = 14;
const chunkedLine = latin1("Transfer-Encoding: chunked\r\n");
const persistenceLine = [
  new Uint8Array(0),
  latin1("Connection: close\r\n"),
  latin1("Connection: keep-alive\r\n"),
  latin1("Connection: upgrade\r\n"),
] as const;

/** How many bytes beyond the original head `writeResponseHead` may need. */
export const responseGrowthMax = 128;

/**
 * Writes the head as the client gets it and gives the place behind it. The version is ours (RFC 9110 §6.2), status,
 * reason and every kept line are the endpoint's, byte for byte.
 */
export function writeResponseHead(
  head: HeadParser,
  bytes: Uint8Array,
  base: number,
  out: Uint8Array,
  at: number,
  reframe: Reframe,
  persistence: Persistence,
): number {
  at = copyBytes(out, at, version, 0, version.length);
  let runStart = version.length;
  let runEnd = head.fieldsStart;
  if (runEnd === shortStatusLine) {
    // RFC 9112 §4: the space stands there also without a reason behind it.
    at = copyBytes(out, at, bytes, base + runStart, base + runEnd - 2);
    out[at++] = Byte.Space;
    runStart = runEnd - 2;
  }
  const fields = head.fields;
  const allowsLength = head.status >= 200 && head.status !== 204;
  let hasLength = false;
  for (let row = 0, cell = 0; row < head.fieldCount; row++, cell += columns) {
    const id = fields[cell + Column.Id]! & 0xff;
    let isDropped: boolean;
    switch (id) {
      case Field.Other:
        isDropped = head.namedCount > 0 && isNamed(head, bytes, base, cell);
        break;
      case Field.TransferEncoding:
        isDropped = reframe !== Reframe.Keep || !allowsLength;
        break;
      case Field.ContentLength:
        isDropped = hasLength || !allowsLength;
        hasLength = true;
        break;
      case Field.Upgrade:
        // A 426 names the protocols it wants; that list is for the client to read.
        isDropped = persistence !== Persistence.Upgrade && head.status !== 426;
        break;
      default:
        isDropped = isHopByHop[id] === 1;
    }
    const isPlain = isDropped || isPlainLine(head, bytes, base, cell);
    if (!isDropped && isPlain && fields[cell + Column.Name] === runEnd) {
      runEnd = fields[cell + Column.LineEnd]!;
      continue;
    }
    at = copyBytes(out, at, bytes, base + runStart, base + runEnd);
    if (!isPlain) {
      at = writePlainLine(head, bytes, base, cell, out, at);
      isDropped = true;
    }
    runStart = isDropped ? fields[cell + Column.LineEnd]! : fields[cell + Column.Name]!;
    runEnd = fields[cell + Column.LineEnd]!;
  }
  at = copyBytes(out, at, bytes, base + runStart, base + runEnd);
  if (reframe === Reframe.ToChunked) at = copyBytes(out, at, chunkedLine, 0, chunkedLine.length);
  const line = persistenceLine[persistence]!;
  at = copyBytes(out, at, line, 0, line.length);
  out[at++] = Byte.Cr;
  out[at++] = Byte.Lf;
  return at;
}

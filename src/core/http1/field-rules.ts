import { Byte, equalsIgnoringCase, isDigit, latin1 } from "../../lib/bytes.ts";
import { Field, fieldOf, isHopByHop, isProtectedFromConnection } from "./fields.ts";
import { isHost } from "./first-line.ts";
import { Column, columns, type HeadParser, namedMax } from "./head-parser.ts";
import { Refusal } from "./refusal.ts";

const chunked = latin1("chunked");
const continue100 = latin1("100-continue");
const closeOption = latin1("close");
const keepAliveOption = latin1("keep-alive");
const upgradeOption = latin1("upgrade");
const timeoutParameter = latin1("timeout=");

/** Largest length that adds up exactly in a float64. */
const lengthDigitsMax = 15;

/** What a known field means for the message: sets the parser's facts, or says why the head is refused. */
export function readField(parser: HeadParser, id: Field, row: number, bytes: Uint8Array, base: number): Refusal {
  if (id < 32) parser.seen |= 1 << id;
  const from = base + parser.fields[row * columns + Column.Value]!;
  const to = base + parser.fields[row * columns + Column.ValueEnd]!;
  switch (id) {
    case Field.ContentLength:
      return readContentLength(parser, bytes, from, to);
    case Field.TransferEncoding:
      return readTransferEncoding(parser, bytes, from, to);
    case Field.Connection:
      return readConnection(parser, bytes, base, from, to);
    default:
      return parser.isResponse
        ? readResponseField(parser, id, bytes, from, to)
        : readRequestField(parser, id, row, bytes, from, to);
  }
}

function readRequestField(
  parser: HeadParser,
  id: Field,
  row: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): Refusal {
  switch (id) {
    case Field.Host:
      if (parser.hostRow >= 0) return Refusal.HostTwice;
      if (from < to && !isHost(bytes, from, to)) return Refusal.BadHost;
      parser.hostRow = row;
      return Refusal.None;
    case Field.Expect:
      // RFC 9110 §10.1.1: a 1.0 client's expectation is ignored.
      if (parser.minor === 0) return Refusal.None;
      if (!equalsIgnoringCase(bytes, from, to, continue100)) return Refusal.BadExpect;
      parser.expectsContinue = true;
      return Refusal.None;
    case Field.IfMatch:
    case Field.IfNoneMatch:
    case Field.IfUnmodifiedSince:
      parser.isConditional = true;
      return Refusal.None;
    default:
      return Refusal.None;
  }
}

function readResponseField(parser: HeadParser, id: Field, bytes: Uint8Array, from: number, to: number): Refusal {
  if (id === Field.KeepAlive) {
    const at = from;
    const digits = at + timeoutParameter.length;
    if (digits < to && equalsIgnoringCase(bytes, at, digits, timeoutParameter)) {
      const seconds = plainNumber(bytes, digits, numberEnd(bytes, digits, to));
      if (seconds >= 0) parser.keepAliveSeconds = seconds;
    }
  }
  return Refusal.None;
}

function numberEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && isDigit(bytes[at]!)) at++;
  return at;
}

/**
 * One plain decimal number (RFC 9110 §8.6): no sign, no list, no leading zero that some parsers read as octal. The same
 * length given twice is refused from clients; origins that repeat themselves exactly are believed.
 */
function readContentLength(parser: HeadParser, bytes: Uint8Array, from: number, to: number): Refusal {
  const length = plainNumber(bytes, from, to);
  if (length < 0) return Refusal.BadContentLength;
  if (parser.contentLength >= 0 && (!parser.isResponse || parser.contentLength !== length))
    return Refusal.ContentLengthDiffers;
  parser.contentLength = length;
  return Refusal.None;
}

function plainNumber(bytes: Uint8Array, from: number, to: number): number {
  if (from === to || to - from > lengthDigitsMax) return -1;
  if (bytes[from] === Byte.Zero && to - from > 1) return -1;
  let value = 0;
  for (let at = from; at < to; at++) {
    if (!isDigit(bytes[at]!)) return -1;
    value = value * 10 + (bytes[at]! - Byte.Zero);
  }
  return value;
}

/**
 * RFC 9112 §6.1: only `chunked`, once. Another coding that properly ends in chunked is well formed but unknown here (501);
 * anything else leaves the length of the body open, which is what request smuggling lives on (400).
 */
function readTransferEncoding(parser: HeadParser, bytes: Uint8Array, from: number, to: number): Refusal {
  if (parser.isChunked) return Refusal.BadTransferEncoding;
  if (equalsIgnoringCase(bytes, from, to, chunked)) {
    parser.isChunked = true;
    return Refusal.None;
  }
  const last = to - chunked.length;
  if (last > from && equalsIgnoringCase(bytes, last, to, chunked) && endsListElement(bytes, from, last)) {
    return Refusal.UnknownTransferCoding;
  }
  return Refusal.BadTransferEncoding;
}

/** Whether a comma (and white space) stands right before `at`, and something other than `chunked` before that. */
function endsListElement(bytes: Uint8Array, from: number, at: number): boolean {
  let before = at;
  while (before > from && (bytes[before - 1] === Byte.Space || bytes[before - 1] === Byte.Tab)) before--;
  if (before === from || bytes[before - 1] !== Byte.Comma) return false;
  let elementEnd = before - 1;
  while (elementEnd > from && (bytes[elementEnd - 1] === Byte.Space || bytes[elementEnd - 1] === Byte.Tab))
    elementEnd--;
  const start = elementEnd - chunked.length;
  return elementEnd > from && !(start >= from && equalsIgnoringCase(bytes, start, elementEnd, chunked));
}

/** RFC 9110 §7.6.1. The names of further fields are kept, because those fields end here too. */
function readConnection(parser: HeadParser, bytes: Uint8Array, base: number, from: number, to: number): Refusal {
  let at = from;
  while (at < to) {
    while (at < to && isListSpace(bytes[at]!)) at++;
    const start = at;
    while (at < to && bytes[at] !== Byte.Comma) at++;
    let stop = at;
    while (stop > start && isListSpace(bytes[stop - 1]!)) stop--;
    if (stop > start) {
      const refusal = readConnectionOption(parser, bytes, base, start, stop);
      if (refusal !== Refusal.None) return refusal;
    }
  }
  return Refusal.None;
}

function readConnectionOption(
  parser: HeadParser,
  bytes: Uint8Array,
  base: number,
  start: number,
  stop: number,
): Refusal {
  if (equalsIgnoringCase(bytes, start, stop, closeOption)) parser.saysClose = true;
  else if (equalsIgnoringCase(bytes, start, stop, keepAliveOption)) parser.saysKeepAlive = true;
  else if (equalsIgnoringCase(bytes, start, stop, upgradeOption)) parser.saysUpgrade = true;
  else {
    const id = fieldOf(bytes, start, stop);
    if (isHopByHop[id] === 1) return Refusal.None;
    if (isProtectedFromConnection[id] === 1) return parser.isResponse ? Refusal.None : Refusal.ConnectionNamesProtected;
    if (parser.namedCount >= namedMax) return Refusal.TooManyConnectionOptions;
    parser.named[parser.namedCount * 2] = start - base;
    parser.named[parser.namedCount * 2 + 1] = stop - base;
    parser.namedCount++;
  }
  return Refusal.None;
}

function isListSpace(byte: number): boolean {
  return byte === Byte.Space || byte === Byte.Tab || byte === Byte.Comma;
}

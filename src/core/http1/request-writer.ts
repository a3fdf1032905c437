import { Byte, copyBytes, latin1, rangesEqualIgnoringCase } from "../../lib/bytes.ts";
import { Field, isHopByHop } from "./fields.ts";
import { Column, columns, type HeadParser, underscored } from "./head-parser.ts";
import { TargetForm } from "./method.ts";

/** What one client connection adds to each of its requests; made once per connection and setting. */
export interface ForwardedFields {
  /** Client address as it is appended to X-Forwarded-For. */
  readonly clientAddress: Uint8Array;
  /** `X-Forwarded-For: A CRLF X-Forwarded-Proto: P CRLF X-Forwarded-Port: N CRLF`, for senders that are not trusted. */
  readonly block: Uint8Array;
  /** `for=A;proto=P` of RFC 7239, without host; empty when switched off. */
  readonly element: Uint8Array;
  /** `X-Forwarded-Proto` and `-Port` lines alone, for trusted senders that did not send them. */
  readonly protoLine: Uint8Array;
  readonly portLine: Uint8Array;
  /** Host for a 1.0 request without one: the address it came to (RFC 9112 §3.3). */
  readonly localAuthority: Uint8Array;
}

export interface RequestRules {
  readonly addsXForwarded: boolean;
  readonly addsForwarded: boolean;
  readonly addsRequestId: boolean;
  readonly addsTraceContext: boolean;
  readonly dropsUnderscores: boolean;
}

export interface RequestWriting {
  readonly rules: RequestRules;
  readonly forwarded: ForwardedFields;
  /** The peer's forwarded fields and request id are believed. */
  readonly isTrusted: boolean;
  /** 32 hexadecimal digits each, used where an id is missing. */
  readonly requestId: Uint8Array;
  readonly traceparent: Uint8Array;
  /** Asks the endpoint to close after this exchange. */
  readonly asksClose: boolean;
  /**
   * The chunked body will be counted first and sent with Content-Length: leave out Transfer-Encoding and the final empty
   * line, `writeContentLength` adds both.
   */
  readonly isOpenEnded: boolean;
}

const crlf = latin1("\r\n");
const version11 = latin1(" HTTP/1.1\r\n");
const hostLine = latin1("Host: ");
const forLine = latin1("X-Forwarded-For: ");
const hostForwardedLine = latin1("X-Forwarded-Host: ");
const forwardedLine = latin1("Forwarded: ");
const hostParameter = latin1(';host="');
const quote = latin1('"');
const comma = latin1(", ");
const requestIdLine = latin1("X-Request-Id: ");
const traceparentLine = latin1("traceparent: ");
const closeLine = latin1("Connection: close\r\n");
const upgradeConnectionLine = latin1("Connection: upgrade\r\nUpgrade: ");
const lengthLine = latin1("Content-Length: ");

/** How many bytes beyond the original head `writeRequestHead` may need, the client's own names aside. */
export const requestGrowthMax = 1024;

/**
 * Writes the head as the endpoint gets it into `out` from `at` on and gives the place behind it. `out` must have room for
 * twice the original head and `requestGrowthMax`. Lines that are kept go out byte for byte, in their order, in runs; what
 * the balancer adds stands behind them.
 */
export function writeRequestHead(
  head: HeadParser,
  bytes: Uint8Array,
  base: number,
  out: Uint8Array,
  at: number,
  writing: RequestWriting,
): number {
  at = writeRequestLine(head, bytes, base, out, at);
  at = writeHost(head, bytes, base, out, at, writing.forwarded);
  at = writeKeptFields(head, bytes, base, out, at, writing);
  const beforeUpgrade = at;
  if (head.saysUpgrade && head.minor === 1) at = writeUpgrade(head, bytes, base, out, at);
  if (writing.asksClose && at === beforeUpgrade) at = copyBytes(out, at, closeLine, 0, closeLine.length);
  at = writing.isTrusted
    ? writeForwardedAppended(head, bytes, base, out, at, writing)
    : writeForwardedReplaced(head, bytes, base, out, at, writing);
  at = writeIds(head, bytes, base, out, at, writing);
  if (writing.isOpenEnded) return at;
  out[at++] = Byte.Cr;
  out[at++] = Byte.Lf;
  return at;
}

/** Ends an open-ended head. */
export function writeContentLength(out: Uint8Array, at: number, length: number): number {
  at = copyBytes(out, at, lengthLine, 0, lengthLine.length);
  const digits = latin1(String(length));
  at = copyBytes(out, at, digits, 0, digits.length);
  at = copyBytes(out, at, crlf, 0, 2);
  return copyBytes(out, at, crlf, 0, 2);
}

function writeRequestLine(head: HeadParser, bytes: Uint8Array, base: number, out: Uint8Array, at: number): number {
  at = copyBytes(out, at, bytes, base + head.methodStart, base + head.methodEnd + 1);
  if (
    head.targetForm === TargetForm.Absolute &&
    (head.pathStart === head.pathEnd || bytes[base + head.pathStart] === Byte.Question)
  ) {
    out[at++] = Byte.Slash;
  }
  at = copyBytes(out, at, bytes, base + head.pathStart, base + head.pathEnd);
  return copyBytes(out, at, version11, 0, version11.length);
}

/** RFC 9112 §3.2.2: the authority of an absolute form replaces Host. Host itself otherwise stays among the kept lines. */
function writeHost(
  head: HeadParser,
  bytes: Uint8Array,
  base: number,
  out: Uint8Array,
  at: number,
  forwarded: ForwardedFields,
): number {
  if (head.targetForm === TargetForm.Absolute) {
    at = copyBytes(out, at, hostLine, 0, hostLine.length);
    at = copyBytes(out, at, bytes, base + head.authorityStart, base + head.authorityEnd);
    return copyBytes(out, at, crlf, 0, 2);
  }
  if (head.hostRow >= 0) return at;
  at = copyBytes(out, at, hostLine, 0, hostLine.length);
  at = copyBytes(out, at, forwarded.localAuthority, 0, forwarded.localAuthority.length);
  return copyBytes(out, at, crlf, 0, 2);
}

function writeKeptFields(
  head: HeadParser,
  bytes: Uint8Array,
  base: number,
  out: Uint8Array,
  at: number,
  writing: RequestWriting,
): number {
  const fields = head.fields;
  let runStart = head.fieldsStart;
  let runEnd = runStart;
  for (let row = 0, cell = 0; row < head.fieldCount; row++, cell += columns) {
    const isKept = !isDropped(head, bytes, base, cell, writing);
    if (isKept && isPlainLine(head, bytes, base, cell)) {
      runEnd = fields[cell + Column.LineEnd]!;
      continue;
    }
    at = copyBytes(out, at, bytes, base + runStart, base + runEnd);
    if (isKept) at = writePlainLine(head, bytes, base, cell, out, at);
    runStart = fields[cell + Column.LineEnd]!;
    runEnd = runStart;
  }
  return copyBytes(out, at, bytes, base + runStart, base + runEnd);
}

/**
 * Whether the line may go out as it came. Where the framing or the host stands in it, that takes exactly `name: value`:
 * tabs and further spaces are legal, but not every origin takes them off before it compares.
 */
export function isPlainLine(head: HeadParser, bytes: Uint8Array, base: number, cell: number): boolean {
  const fields = head.fields;
  const id = fields[cell + Column.Id];
  if (id !== Field.Host && id !== Field.ContentLength && id !== Field.TransferEncoding) return true;
  const nameEnd = fields[cell + Column.NameEnd]!;
  return (
    fields[cell + Column.Value] === nameEnd + 2 &&
    bytes[base + nameEnd + 1] === Byte.Space &&
    fields[cell + Column.LineEnd] === fields[cell + Column.ValueEnd]! + 2
  );
}

/** Writes a kept line as `name: value`. */
export function writePlainLine(
  head: HeadParser,
  bytes: Uint8Array,
  base: number,
  cell: number,
  out: Uint8Array,
  at: number,
): number {
  const fields = head.fields;
  at = copyBytes(out, at, bytes, base + fields[cell + Column.Name]!, base + fields[cell + Column.NameEnd]!);
  out[at++] = Byte.Colon;
  out[at++] = Byte.Space;
  at = copyBytes(out, at, bytes, base + fields[cell + Column.Value]!, base + fields[cell + Column.ValueEnd]!);
  return copyBytes(out, at, crlf, 0, 2);
}

function isDropped(head: HeadParser, bytes: Uint8Array, base: number, cell: number, writing: RequestWriting): boolean {
  const raw = head.fields[cell + Column.Id]!;
  if (raw >= underscored) {
    return writing.rules.dropsUnderscores || (head.namedCount > 0 && isNamed(head, bytes, base, cell));
  }
  switch (raw) {
    case Field.Other:
      return head.namedCount > 0 && isNamed(head, bytes, base, cell);
    case Field.Host:
      return head.targetForm === TargetForm.Absolute;
    case Field.TransferEncoding:
      return writing.isOpenEnded;
    case Field.Expect:
      return !head.expectsContinue;
    case Field.Trailer:
      return writing.isOpenEnded;
    case Field.XForwardedFor:
      return writing.rules.addsXForwarded || !writing.isTrusted;
    case Field.XForwardedProto:
    case Field.XForwardedHost:
    case Field.XForwardedPort:
      return !writing.isTrusted;
    case Field.Forwarded:
      return writing.rules.addsForwarded || !writing.isTrusted;
    case Field.XRequestId:
      return writing.rules.addsRequestId && !writing.isTrusted;
    case Field.Traceparent:
    case Field.Tracestate:
      return writing.rules.addsTraceContext && !hasValidTraceparent(head, bytes, base);
    default:
      return isHopByHop[raw] === 1;
  }
}

/** Whether Connection names this field, which then ends here (RFC 9110 §7.6.1). */
export function isNamed(head: HeadParser, bytes: Uint8Array, base: number, cell: number): boolean {
  const name = base + head.fields[cell + Column.Name]!;
  const nameEnd = base + head.fields[cell + Column.NameEnd]!;
  for (let which = 0; which < head.namedCount * 2; which += 2) {
    if (rangesEqualIgnoringCase(bytes, name, nameEnd, base + head.named[which]!, base + head.named[which + 1]!))
      return true;
  }
  return false;
}

function writeForwardedReplaced(
  head: HeadParser,
  bytes: Uint8Array,
  base: number,
  out: Uint8Array,
  at: number,
  writing: RequestWriting,
): number {
  const forwarded = writing.forwarded;
  if (writing.rules.addsXForwarded) {
    at = copyBytes(out, at, forwarded.block, 0, forwarded.block.length);
    at = writeAuthorityLine(head, bytes, base, out, at);
  }
  if (!writing.rules.addsForwarded) return at;
  at = copyBytes(out, at, forwardedLine, 0, forwardedLine.length);
  return writeForwardedElement(head, bytes, base, out, at, forwarded);
}

function writeForwardedAppended(
  head: HeadParser,
  bytes: Uint8Array,
  base: number,
  out: Uint8Array,
  at: number,
  writing: RequestWriting,
): number {
  const forwarded = writing.forwarded;
  if (writing.rules.addsXForwarded) {
    at = copyBytes(out, at, forLine, 0, forLine.length);
    at = writeEarlierValues(head, Field.XForwardedFor, bytes, base, out, at);
    at = copyBytes(out, at, forwarded.clientAddress, 0, forwarded.clientAddress.length);
    at = copyBytes(out, at, crlf, 0, 2);
    if ((head.seen & (1 << Field.XForwardedProto)) === 0)
      at = copyBytes(out, at, forwarded.protoLine, 0, forwarded.protoLine.length);
    if ((head.seen & (1 << Field.XForwardedPort)) === 0)
      at = copyBytes(out, at, forwarded.portLine, 0, forwarded.portLine.length);
    if ((head.seen & (1 << Field.XForwardedHost)) === 0) at = writeAuthorityLine(head, bytes, base, out, at);
  }
  if (!writing.rules.addsForwarded) return at;
  at = copyBytes(out, at, forwardedLine, 0, forwardedLine.length);
  at = writeEarlierValues(head, Field.Forwarded, bytes, base, out, at);
  return writeForwardedElement(head, bytes, base, out, at, forwarded);
}

/** The values of a list field that came in one or more lines, each with `, ` behind it. */
function writeEarlierValues(
  head: HeadParser,
  id: Field,
  bytes: Uint8Array,
  base: number,
  out: Uint8Array,
  at: number,
): number {
  if ((head.seen & (1 << id)) === 0) return at;
  const fields = head.fields;
  for (let cell = 0; cell < head.fieldCount * columns; cell += columns) {
    if (fields[cell + Column.Id] !== id || fields[cell + Column.Value] === fields[cell + Column.ValueEnd]) continue;
    at = copyBytes(out, at, bytes, base + fields[cell + Column.Value]!, base + fields[cell + Column.ValueEnd]!);
    at = copyBytes(out, at, comma, 0, 2);
  }
  return at;
}

function writeAuthorityLine(head: HeadParser, bytes: Uint8Array, base: number, out: Uint8Array, at: number): number {
  const from = authorityFrom(head);
  const to = authorityTo(head);
  if (from === to) return at;
  at = copyBytes(out, at, hostForwardedLine, 0, hostForwardedLine.length);
  at = copyBytes(out, at, bytes, base + from, base + to);
  return copyBytes(out, at, crlf, 0, 2);
}

function writeForwardedElement(
  head: HeadParser,
  bytes: Uint8Array,
  base: number,
  out: Uint8Array,
  at: number,
  forwarded: ForwardedFields,
): number {
  at = copyBytes(out, at, forwarded.element, 0, forwarded.element.length);
  const from = authorityFrom(head);
  const to = authorityTo(head);
  if (from !== to) {
    at = copyBytes(out, at, hostParameter, 0, hostParameter.length);
    at = copyBytes(out, at, bytes, base + from, base + to);
    at = copyBytes(out, at, quote, 0, 1);
  }
  return copyBytes(out, at, crlf, 0, 2);
}

/** Offsets of the host and port that the client asked for; equal when it named none. */
export function authorityFrom(head: HeadParser): number {
  if (head.targetForm === TargetForm.Absolute) return head.authorityStart;
  return head.hostRow < 0 ? 0 : head.fields[head.hostRow * columns + Column.Value]!;
}

/** Where it ends. */
export function authorityTo(head: HeadParser): number {
  if (head.targetForm === TargetForm.Absolute) return head.authorityEnd;
  return head.hostRow < 0 ? 0 : head.fields[head.hostRow * columns + Column.ValueEnd]!;
}

function writeIds(
  head: HeadParser,
  bytes: Uint8Array,
  base: number,
  out: Uint8Array,
  at: number,
  writing: RequestWriting,
): number {
  const rules = writing.rules;
  if (rules.addsRequestId && (!writing.isTrusted || (head.seen & (1 << Field.XRequestId)) === 0)) {
    at = copyBytes(out, at, requestIdLine, 0, requestIdLine.length);
    at = copyBytes(out, at, writing.requestId, 0, writing.requestId.length);
    at = copyBytes(out, at, crlf, 0, 2);
  }
  if (rules.addsTraceContext && !hasValidTraceparent(head, bytes, base)) {
    at = copyBytes(out, at, traceparentLine, 0, traceparentLine.length);
    at = copyBytes(out, at, writing.traceparent, 0, writing.traceparent.length);
    at = copyBytes(out, at, crlf, 0, 2);
  }
  return at;
}

/**
 * Whether exactly one traceparent came and it has the form of W3C Trace Context §3.2 (version, trace id, parent id,
 * flags; ids not all zero). An invalid one is replaced, and its tracestate with it (§3.3.1).
 */
function hasValidTraceparent(head: HeadParser, bytes: Uint8Array, base: number): boolean {
  if ((head.seen & (1 << Field.Traceparent)) === 0) return false;
  let found = -1;
  for (let cell = 0; cell < head.fieldCount * columns; cell += columns) {
    if (head.fields[cell + Column.Id] !== Field.Traceparent) continue;
    if (found >= 0) return false;
    found = cell;
  }
  const from = base + head.fields[found + Column.Value]!;
  const length = head.fields[found + Column.ValueEnd]! - head.fields[found + Column.Value]!;
  if (length < 55 || (length > 55 && bytes[from] === Byte.Zero && bytes[from + 1] === Byte.Zero)) return false;
  let traceBits = 0;
  let parentBits = 0;
  for (let at = 0; at < 55; at++) {
    const byte = bytes[from + at]!;
    if (at === 2 || at === 35 || at === 52) {
      if (byte !== 0x2d) return false;
      continue;
    }
    const isLowerHex = (byte >= Byte.Zero && byte <= Byte.Nine) || (byte >= 0x61 && byte <= 0x66);
    if (!isLowerHex) return false;
    if (at > 2 && at < 35) traceBits |= byte ^ Byte.Zero;
    if (at > 35 && at < 52) parentBits |= byte ^ Byte.Zero;
  }
  const isReservedVersion = bytes[from] === 0x66 && bytes[from + 1] === 0x66;
  return traceBits !== 0 && parentBits !== 0 && !isReservedVersion;
}

/** Whether an offered protocol is one that the next hop must not be asked for: HTTP/2 in clear, or TLS (RFC 2817). */
function isRefusedProtocol(bytes: Uint8Array, from: number, to: number): boolean {
  const first = bytes[from]! | 0x20;
  if (to - from === 3) return first === 0x68 && bytes[from + 1] === 0x32 && (bytes[from + 2]! | 0x20) === 0x63;
  const isTls = first === 0x74 && (bytes[from + 1]! | 0x20) === 0x6c && (bytes[from + 2]! | 0x20) === 0x73;
  return isTls && to - from > 3 && bytes[from + 3] === Byte.Slash;
}

/**
 * Passes on the protocols of Upgrade without `h2c` and `TLS/…`; writes nothing where none is left. Java's, curl's and
 * Apache's clients offer h2c on ordinary requests, and an origin that took it would speak a protocol nobody checks here.
 */
function writeUpgrade(head: HeadParser, bytes: Uint8Array, base: number, out: Uint8Array, at: number): number {
  const before = at;
  let hasProtocol = false;
  for (let cell = 0; cell < head.fieldCount * columns; cell += columns) {
    if (head.fields[cell + Column.Id] !== Field.Upgrade) continue;
    let from = base + head.fields[cell + Column.Value]!;
    const end = base + head.fields[cell + Column.ValueEnd]!;
    while (from < end) {
      while (from < end && (bytes[from] === Byte.Space || bytes[from] === Byte.Tab || bytes[from] === Byte.Comma))
        from++;
      let to = from;
      while (to < end && bytes[to] !== Byte.Comma) to++;
      let stop = to;
      while (stop > from && (bytes[stop - 1] === Byte.Space || bytes[stop - 1] === Byte.Tab)) stop--;
      if (stop > from && !isRefusedProtocol(bytes, from, stop)) {
        at = hasProtocol
          ? copyBytes(out, at, comma, 0, 2)
          : copyBytes(out, at, upgradeConnectionLine, 0, upgradeConnectionLine.length);
        at = copyBytes(out, at, bytes, from, stop);
        hasProtocol = true;
      }
      from = to;
    }
  }
  return hasProtocol ? copyBytes(out, at, crlf, 0, 2) : before;
}

/** Whether a protocol would be left in Upgrade, so that the request asks for a tunnel. */
export function asksUpgrade(head: HeadParser, bytes: Uint8Array, base: number, scratch: Uint8Array): boolean {
  return head.saysUpgrade && head.minor === 1 && writeUpgrade(head, bytes, base, scratch, 0) > 0;
}

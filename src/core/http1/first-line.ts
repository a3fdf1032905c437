import {
  Byte,
  hostByte,
  isDigit,
  latin1,
  equalsIgnoringCase,
  targetByte,
  tokenByte,
  valueByte,
} from "../../lib/bytes.ts";
import type { HeadParser } from "./head-parser.ts";
import { Method, methodOf, TargetForm } from "./method.ts";
import { Refusal } from "./refusal.ts";

const methodBytesMax = 32;
/** ` HTTP/1.1` and the line end, from the space on. */
const versionBytes = 11;
const tlsHandshake = 0x16;
const httpScheme = latin1("http://");
const httpsScheme = latin1("https://");

/**
 * Reads `METHOD SP target SP HTTP/1.x CRLF` (RFC 9112 §3). Gives the place behind the line, 0 when the line is not
 * complete, -1 when it is refused (then `parser.refusal` says why). Exactly one space separates the parts: the leniency
 * that RFC 9112 §3 permits (other white space) is what splits two servers' views of one line.
 */
export function parseRequestLine(
  parser: HeadParser,
  bytes: Uint8Array,
  base: number,
  start: number,
  end: number,
  targetBytesMax: number,
): number {
  let at = start;
  while (at < end && tokenByte[bytes[at]!] === 1) at++;
  if (at - start > methodBytesMax) return refuse(parser, Refusal.BadMethod);
  if (at >= end) return 0;
  if (bytes[at] !== Byte.Space || at === start) return refuse(parser, badMethodByte(bytes, at, start, end));
  const method = methodOf(bytes, start, at);
  parser.method = method;
  parser.methodStart = start - base;
  parser.methodEnd = at - base;
  const target = ++at;
  while (at < end && targetByte[bytes[at]!] === 1) at++;
  if (at - target > targetBytesMax) return refuse(parser, Refusal.TargetTooLong);
  if (at >= end) return 0;
  if (bytes[at] !== Byte.Space || at === target) return refuse(parser, badTargetByte(bytes[at]!));
  parser.targetStart = target - base;
  parser.targetEnd = at - base;
  const version = readVersion(bytes, at + 1, end, Refusal.BadVersion);
  if (version === incomplete) return 0;
  if (version < 0) return refuse(parser, -version as Refusal);
  parser.minor = version;
  if (method === Method.Connect) return refuse(parser, Refusal.ConnectMethod);
  if (!readTarget(parser, bytes, base)) return refuse(parser, Refusal.BadTarget);
  return at + versionBytes;
}

const incomplete = -1000;

/** Minor version of `HTTP/1.x` CRLF at `at`, `incomplete`, or a refusal as a negative number. */
function readVersion(bytes: Uint8Array, at: number, end: number, malformed: Refusal): number {
  const expected = "HTTP/";
  for (let which = 0; which < expected.length; which++) {
    if (at + which >= end) return incomplete;
    if (bytes[at + which] !== expected.charCodeAt(which)) return -malformed;
  }
  if (at + 10 > end) {
    // Bytes that are already wrong are refused now; a correct beginning waits for the rest.
    return at + 8 < end && bytes[at + 8] !== Byte.Cr ? -malformed : incomplete;
  }
  const major = bytes[at + 5]!;
  const minor = bytes[at + 7]!;
  if (!isDigit(major) || bytes[at + 6] !== 0x2e || !isDigit(minor)) return -malformed;
  if (bytes[at + 8] === Byte.Lf) return -Refusal.BareLf;
  if (bytes[at + 8] !== Byte.Cr) return -malformed;
  if (bytes[at + 9] !== Byte.Lf) return -Refusal.BareCr;
  if (major !== 0x31 || minor > 0x31) return -Refusal.UnknownVersion;
  return minor - Byte.Zero;
}

function readTarget(parser: HeadParser, bytes: Uint8Array, base: number): boolean {
  const start = base + parser.targetStart;
  const end = base + parser.targetEnd;
  let path = start;
  parser.authorityStart = 0;
  parser.authorityEnd = 0;
  if (bytes[start] === Byte.Slash) {
    parser.targetForm = TargetForm.Origin;
  } else if (bytes[start] === Byte.Star) {
    if (end - start !== 1 || parser.method !== Method.Options) return false;
    parser.targetForm = TargetForm.Asterisk;
  } else {
    const authority = schemeEnd(bytes, start, end);
    if (authority === 0) return false;
    path = authority;
    while (path < end && bytes[path] !== Byte.Slash && bytes[path] !== Byte.Question) path++;
    if (!isHost(bytes, authority, path)) return false;
    parser.targetForm = TargetForm.Absolute;
    parser.authorityStart = authority - base;
    parser.authorityEnd = path - base;
  }
  let query = path;
  while (query < end && bytes[query] !== Byte.Question) query++;
  parser.pathStart = path - base;
  parser.pathEnd = end - base;
  parser.queryStart = query - base;
  return true;
}

function schemeEnd(bytes: Uint8Array, start: number, end: number): number {
  for (const scheme of [httpScheme, httpsScheme]) {
    const after = start + scheme.length;
    if (after < end && equalsIgnoringCase(bytes, start, after, scheme)) return after;
  }
  return 0;
}

/**
 * Whether `bytes[from, to)` is `host [":" port]` (RFC 9110 §7.2): a name, an IPv4 address or a bracketed IPv6 address,
 * not empty, without userinfo, and a port of digits up to 65535 (an empty port is legal).
 */
export function isHost(bytes: Uint8Array, from: number, to: number): boolean {
  let at = from;
  if (bytes[at] === 0x5b) {
    while (at < to && bytes[at] !== 0x5d) at++;
    if (at >= to || at - from < 3) return false;
    for (let inside = from + 1; inside < at; inside++) {
      const byte = bytes[inside]!;
      const lower = byte | 0x20;
      if (!isDigit(byte) && !(lower >= 0x61 && lower <= 0x66) && byte !== Byte.Colon && byte !== 0x2e) return false;
    }
    at++;
  } else {
    while (
      at < to &&
      bytes[at] !== Byte.Colon &&
      hostByte[bytes[at]!] === 1 &&
      bytes[at] !== 0x5b &&
      bytes[at] !== 0x5d
    )
      at++;
    if (at === from) return false;
  }
  if (at === to) return true;
  if (bytes[at] !== Byte.Colon || to - at > 6) return false;
  let port = 0;
  for (at++; at < to; at++) {
    if (!isDigit(bytes[at]!)) return false;
    port = port * 10 + (bytes[at]! - Byte.Zero);
  }
  return port <= 65_535;
}

function badMethodByte(bytes: Uint8Array, at: number, start: number, end: number): Refusal {
  if (at === start && bytes[at] === tlsHandshake) return Refusal.NotHttp;
  if (bytes[at] === Byte.Lf) return Refusal.BareLf;
  if (bytes[at] === Byte.Cr && at + 1 < end && bytes[at + 1] !== Byte.Lf) return Refusal.BareCr;
  return bytes[at]! < Byte.Space && bytes[at] !== Byte.Cr && bytes[at] !== Byte.Tab
    ? Refusal.ControlByte
    : Refusal.BadMethod;
}

function badTargetByte(byte: number): Refusal {
  if (byte === Byte.Lf) return Refusal.BareLf;
  if (byte === Byte.Cr) return Refusal.BadVersion; // `GET /` CRLF: HTTP/0.9
  return Refusal.BadTarget;
}

/**
 * Reads `HTTP/1.x SP 3DIGIT [SP reason] CRLF` (RFC 9112 §4). The space behind the status may be missing together with
 * the reason, as several origins send it. Result as for `parseRequestLine`.
 */
export function parseStatusLine(
  parser: HeadParser,
  bytes: Uint8Array,
  _base: number,
  start: number,
  end: number,
): number {
  const expected = "HTTP/1.";
  for (let which = 0; which < expected.length; which++) {
    if (start + which >= end) return 0;
    if (bytes[start + which] !== expected.charCodeAt(which)) return refuse(parser, Refusal.BadStatusLine);
  }
  let at = start + expected.length;
  if (end - at < 5) return 0;
  const minor = bytes[at]! - Byte.Zero;
  if ((minor !== 0 && minor !== 1) || bytes[at + 1] !== Byte.Space) return refuse(parser, Refusal.BadStatusLine);
  at += 2;
  if (!isDigit(bytes[at]!) || !isDigit(bytes[at + 1]!) || !isDigit(bytes[at + 2]!))
    return refuse(parser, Refusal.BadStatusLine);
  const status = (bytes[at]! - Byte.Zero) * 100 + (bytes[at + 1]! - Byte.Zero) * 10 + (bytes[at + 2]! - Byte.Zero);
  if (status < 100 || status > 599) return refuse(parser, Refusal.BadStatusLine);
  at += 3;
  if (at >= end) return 0;
  if (bytes[at] !== Byte.Space && bytes[at] !== Byte.Cr) return refuse(parser, Refusal.BadStatusLine);
  while (at < end && valueByte[bytes[at]!] === 1) at++;
  if (at + 1 >= end) return at >= end || bytes[at] === Byte.Cr ? 0 : refuse(parser, Refusal.BadStatusLine);
  if (bytes[at] !== Byte.Cr || bytes[at + 1] !== Byte.Lf) return refuse(parser, Refusal.BadStatusLine);
  parser.minor = minor;
  parser.status = status;
  return at + 2;
}

function refuse(parser: HeadParser, refusal: Refusal): number {
  parser.refusal = refusal;
  return -1;
}

import { Byte, equalsIgnoringCase, latin1 } from "../../lib/bytes.ts";
import type { HashBy } from "../../model/config.ts";
import { Field, fieldOf } from "../http1/fields.ts";
import { Column, columns, type HeadParser } from "../http1/head-parser.ts";
import { noKey } from "./balancer.ts";
import { hashBytes } from "./hash.ts";

/** What of a request makes its key, ready to be compared with bytes. */
export interface KeyPart {
  readonly from: HashBy["from"];
  /** Of the header field in lower case, of the cookie or the query parameter as it is. */
  readonly name: Uint8Array;
  readonly field: Field;
}

/** Done once for a pool. */
export function keyPart(by: HashBy): KeyPart {
  if (by.from === "path") return { from: "path", name: latin1(""), field: Field.Other };
  if (by.from === "cookie") return { from: "cookie", name: latin1(by.name), field: Field.Cookie };
  if (by.from === "query") return { from: "query", name: latin1(by.name), field: Field.Other };
  const name = latin1(by.name.toLowerCase());
  return { from: "header", name, field: fieldOf(name, 0, name.length) };
}

/** Key of a request whose head stands in `bytes` from `base` on; `noKey` where that part is missing or empty. */
export function requestKey(part: KeyPart, head: HeadParser, bytes: Uint8Array, base: number): number {
  switch (part.from) {
    case "header":
      return headerKey(part, head, bytes, base);
    case "cookie":
      return cookieKey(part, head, bytes, base);
    case "path":
      // As the client wrote it: another spelling of the same path only goes to another endpoint.
      return keyOf(bytes, base + head.pathStart, base + head.queryStart);
    case "query":
      return queryKey(part, bytes, base + head.queryStart + 1, base + head.pathEnd);
    default:
      part.from satisfies never;
      return noKey;
  }
}

function keyOf(bytes: Uint8Array, from: number, to: number): number {
  return from < to ? hashBytes(bytes, from, to) : noKey;
}

/** The first field line of that name. */
function headerKey(part: KeyPart, head: HeadParser, bytes: Uint8Array, base: number): number {
  const fields = head.fields;
  for (let row = 0, cell = 0; row < head.fieldCount; row++, cell += columns) {
    if (!isNamed(part, head, cell, bytes, base)) continue;
    return keyOf(bytes, base + fields[cell + Column.Value]!, base + fields[cell + Column.ValueEnd]!);
  }
  return noKey;
}

function isNamed(part: KeyPart, head: HeadParser, cell: number, bytes: Uint8Array, base: number): boolean {
  const fields = head.fields;
  if ((fields[cell + Column.Id]! & 0xff) !== part.field) return false;
  const name = base + fields[cell + Column.Name]!;
  // A known field is already told apart from others by its number.
  return (
    part.field !== Field.Other || equalsIgnoringCase(bytes, name, base + fields[cell + Column.NameEnd]!, part.name)
  );
}

/** RFC 6265 §4.2.1: `a=1; b=2`. Names of cookies are compared with case. */
function cookieKey(part: KeyPart, head: HeadParser, bytes: Uint8Array, base: number): number {
  const fields = head.fields;
  for (let row = 0, cell = 0; row < head.fieldCount; row++, cell += columns) {
    if ((fields[cell + Column.Id]! & 0xff) !== Field.Cookie) continue;
    const to = base + fields[cell + Column.ValueEnd]!;
    const key = pairKey(part.name, bytes, base + fields[cell + Column.Value]!, to, Byte.Semicolon);
    if (key !== noKey) return key;
  }
  return noKey;
}

function queryKey(part: KeyPart, bytes: Uint8Array, from: number, to: number): number {
  return pairKey(part.name, bytes, from, to, ampersand);
}

const ampersand = 0x26;
const equalsSign = 0x3d;

/** Key of the value behind `name=` among pairs with a separator between them; spaces in front of a pair are skipped. */
function pairKey(name: Uint8Array, bytes: Uint8Array, from: number, to: number, separator: number): number {
  for (let at = from; at < to; at++) {
    while (at < to && bytes[at] === Byte.Space) at++;
    let same = 0;
    while (same < name.length && at < to && bytes[at] === name[same]) {
      same++;
      at++;
    }
    const isNamed = same === name.length && at < to && bytes[at] === equalsSign;
    const value = at + 1;
    while (at < to && bytes[at] !== separator) at++;
    if (isNamed) return keyOf(bytes, value, at);
  }
  return noKey;
}

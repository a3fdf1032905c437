import { latin1 } from "../../lib/bytes.ts";

/**
 * The field names that the balancer itself reads, drops or writes, as small numbers. Everything else is `Other` and is
 * passed on byte for byte.
 */
export const Field = {
  Other: 0,
  Host: 1,
  ContentLength: 2,
  TransferEncoding: 3,
  Connection: 4,
  KeepAlive: 5,
  ProxyConnection: 6,
  Te: 7,
  Trailer: 8,
  Upgrade: 9,
  Expect: 10,
  XForwardedFor: 11,
  XForwardedProto: 12,
  XForwardedHost: 13,
  XForwardedPort: 14,
  Forwarded: 15,
  XRequestId: 16,
  Traceparent: 17,
  Tracestate: 18,
  IfMatch: 19,
  IfNoneMatch: 20,
  IfUnmodifiedSince: 21,
  Authorization: 22,
  XAuthToken: 23,
  Cookie: 24,
  ProxyAuthorization: 25,
  ContentType: 26,
  ContentEncoding: 27,
  ContentRange: 28,
  SetCookie: 29,
  CacheControl: 30,
  MaxForwards: 31,
  Http2Settings: 32,
  XServiceToken: 33,
} as const;
export type Field = (typeof Field)[keyof typeof Field];

const names: readonly (readonly [string, Field])[] = [
  ["host", Field.Host],
  ["content-length", Field.ContentLength],
  ["transfer-encoding", Field.TransferEncoding],
  ["connection", Field.Connection],
  ["keep-alive", Field.KeepAlive],
  ["proxy-connection", Field.ProxyConnection],
  ["te", Field.Te],
  ["trailer", Field.Trailer],
  ["upgrade", Field.Upgrade],
  ["expect", Field.Expect],
  ["x-forwarded-for", Field.XForwardedFor],
  ["x-forwarded-proto", Field.XForwardedProto],
  ["x-forwarded-host", Field.XForwardedHost],
  ["x-forwarded-port", Field.XForwardedPort],
  ["forwarded", Field.Forwarded],
  ["x-request-id", Field.XRequestId],
  ["traceparent", Field.Traceparent],
  ["tracestate", Field.Tracestate],
  ["if-match", Field.IfMatch],
  ["if-none-match", Field.IfNoneMatch],
  ["if-unmodified-since", Field.IfUnmodifiedSince],
  ["authorization", Field.Authorization],
  ["x-auth-token", Field.XAuthToken],
  ["cookie", Field.Cookie],
  ["proxy-authorization", Field.ProxyAuthorization],
  ["content-type", Field.ContentType],
  ["content-encoding", Field.ContentEncoding],
  ["content-range", Field.ContentRange],
  ["set-cookie", Field.SetCookie],
  ["cache-control", Field.CacheControl],
  ["max-forwards", Field.MaxForwards],
  ["http2-settings", Field.Http2Settings],
  ["x-service-token", Field.XServiceToken],
];

export const fieldsKnown = names.length + 1;

/**
 * Hash of a name from its length and three of its bytes. Folding with 0x20 makes it the same for every case; that some
 * other bytes fold too does no harm, because a hit is compared in full.
 */
function hash(length: number, first: number, middle: number, last: number): number {
  return (length * 37 + (first | 0x20) * 5 + (middle | 0x20) * 11 + (last | 0x20) * 3) & 255;
}

interface Lookup {
  /** First entry of a hash's bucket, 0 = none. */
  readonly head: Uint8Array;
  /** Next entry with the same hash. */
  readonly next: Uint8Array;
  readonly text: readonly Uint8Array[];
}

const lookup = ((): Lookup => {
  const head = new Uint8Array(256);
  const next = new Uint8Array(fieldsKnown);
  const text: Uint8Array[] = [new Uint8Array(0)];
  for (const [name, id] of names) {
    const bytes = latin1(name);
    const at = hash(bytes.length, bytes[0]!, bytes[bytes.length >> 1]!, bytes[bytes.length - 1]!);
    text[id] = bytes;
    next[id] = head[at]!;
    head[at] = id;
  }
  return { head, next, text };
})();

/** The number of the field name in `bytes[from, to)`; `Field.Other` for any name that is not in the table. */
export function fieldOf(bytes: Uint8Array, from: number, to: number): Field {
  const length = to - from;
  let id = lookup.head[hash(length, bytes[from]!, bytes[from + (length >> 1)]!, bytes[to - 1]!)]!;
  while (id !== Field.Other) {
    const name = lookup.text[id]!;
    if (name.length === length) {
      let at = 0;
      while (at < length) {
        const byte = bytes[from + at]!;
        if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== name[at]) break;
        at++;
      }
      if (at === length) return id as Field;
    }
    id = lookup.next[id]!;
  }
  return Field.Other;
}

function flags(ids: readonly Field[]): Uint8Array {
  const set = new Uint8Array(fieldsKnown);
  for (const id of ids) set[id] = 1;
  return set;
}

/** Fields that belong to one connection (RFC 9110 §7.6.1) and are never passed on as they came. */
export const isHopByHop = flags([
  Field.Connection,
  Field.KeepAlive,
  Field.ProxyConnection,
  Field.Te,
  Field.Upgrade,
  Field.Http2Settings,
]);

/**
 * Fields that a client may not name in `Connection`: naming one would make the balancer remove what the origin relies on
 * (authentication, framing) or what the balancer itself has set.
 */
export const isProtectedFromConnection = flags([
  Field.Host,
  Field.ContentLength,
  Field.TransferEncoding,
  Field.Trailer,
  Field.Expect,
  Field.XForwardedFor,
  Field.XForwardedProto,
  Field.XForwardedHost,
  Field.XForwardedPort,
  Field.Forwarded,
  Field.XRequestId,
  Field.Traceparent,
  Field.Tracestate,
  Field.IfMatch,
  Field.IfNoneMatch,
  Field.IfUnmodifiedSince,
  Field.Authorization,
  Field.XAuthToken,
  Field.XServiceToken,
  Field.Cookie,
  Field.ProxyAuthorization,
  Field.ContentType,
  Field.ContentEncoding,
  Field.ContentRange,
  Field.CacheControl,
  Field.MaxForwards,
]);

/** Fields that must not come as trailers (RFC 9110 §6.5.1): framing, routing, authentication, and how to read the body. */
export const isForbiddenTrailer = flags(names.map(([, id]) => id).filter((id) => id !== Field.Tracestate));

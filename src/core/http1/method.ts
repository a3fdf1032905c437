import { latin1 } from "../../lib/bytes.ts";

/** Request methods that the balancer treats differently (RFC 9110 §9, RFC 5789); all others are `Other`. */
export const Method = {
  Other: 0,
  Get: 1,
  Head: 2,
  Post: 3,
  Put: 4,
  Delete: 5,
  Options: 6,
  Trace: 7,
  Connect: 8,
  Patch: 9,
} as const;
export type Method = (typeof Method)[keyof typeof Method];

const names: readonly (readonly [string, Method])[] = [
  ["GET", Method.Get],
  ["HEAD", Method.Head],
  ["POST", Method.Post],
  ["PUT", Method.Put],
  ["DELETE", Method.Delete],
  ["OPTIONS", Method.Options],
  ["TRACE", Method.Trace],
  ["CONNECT", Method.Connect],
  ["PATCH", Method.Patch],
];

const known = names.map(([name, method]) => ({ method, bytes: latin1(name) }));

/** Methods are case-sensitive (RFC 9110 §9.1). */
export function methodOf(bytes: Uint8Array, from: number, to: number): Method {
  for (let which = 0; which < known.length; which++) {
    const { method, bytes: name } = known[which]!;
    if (name.length !== to - from) continue;
    let at = 0;
    while (at < name.length && bytes[from + at] === name[at]) at++;
    if (at === name.length) return method;
  }
  return Method.Other;
}

/** Repeating the request has the same intended effect as sending it once (RFC 9110 §9.2.2). */
export function isIdempotent(method: Method): boolean {
  return method !== Method.Other && method !== Method.Post && method !== Method.Patch && method !== Method.Connect;
}

/** Forms of a request target (RFC 9112 §3.2). */
export const TargetForm = { Origin: 0, Absolute: 1, Asterisk: 2 } as const;
export type TargetForm = (typeof TargetForm)[keyof typeof TargetForm];

import type { HeadParser } from "./head-parser.ts";
import { Method } from "./method.ts";

/** How the end of a body is found (RFC 9112 §6.3). */
export const Framing = { None: 0, Length: 1, Chunked: 2, UntilClose: 3 } as const;
export type Framing = (typeof Framing)[keyof typeof Framing];

/** RFC 9112 §6.3 rules 3, 5, 6: a request without length and without chunked has no body. */
export function requestFraming(head: HeadParser): Framing {
  if (head.isChunked) return Framing.Chunked;
  return head.contentLength > 0 ? Framing.Length : Framing.None;
}

/** RFC 9112 §6.3 rules 1–8, for the answer to a request with `method`. */
export function responseFraming(head: HeadParser, method: Method): Framing {
  const status = head.status;
  if (method === Method.Head || status === 204 || status === 304 || status < 200) return Framing.None;
  if (head.isChunked) return Framing.Chunked;
  if (head.contentLength > 0) return Framing.Length;
  return head.contentLength === 0 ? Framing.None : Framing.UntilClose;
}

/** Whether the sender keeps the connection for another message (RFC 9112 §9.3). */
export function isPersistent(head: HeadParser): boolean {
  if (head.saysClose) return false;
  return head.minor === 1 || head.saysKeepAlive;
}

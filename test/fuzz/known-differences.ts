import { createRequire } from "node:module";
import { type Disagreement, verdictOf } from "./compare.ts";
import type { Seen } from "./explain.ts";
import { readOurs } from "./ours.ts";

/**
 * Every way in which we and llhttp may read an input differently, and why. A rule is as narrow as its reason: it names
 * the verdict's code and looks at the input's own bytes with plain regular expressions, never at our parser's opinion.
 * The first rule that fits explains a disagreement; one that no rule explains is a failure.
 */
export interface KnownDifference {
  readonly id: string;
  readonly why: string;
  readonly kind: Disagreement["kind"];
  /** Our refusals or their errors; absent: any (then `fits` decides alone). */
  readonly codes?: readonly string[];
  fits(seen: Seen): boolean;
  /** An input on which this rule is the one that fits. */
  readonly example: {
    readonly kind: "request" | "response";
    readonly text: string;
    readonly isHead?: boolean;
  };
}

const constants = createRequire(import.meta.url)("undici/lib/llhttp/constants.js") as {
  readonly METHODS: Readonly<Record<string, number>>;
};
const theirMethods = new Set(Object.keys(constants.METHODS));

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const plainRequestLine = new RegExp(`^${token} [!-"$-~]+ HTTP/1\\.[01]$`);
const plainTarget = /^[^ ]+ (?:\/|https?:\/\/[^/?@]+(?:[/?]|$)|\*$)/i;
const host = /^(?:\[[0-9a-fA-F:.]+\]|[-._~%!$&'()*+;=0-9A-Za-z]*)(?::\d{0,5})?$/;

/** Values of a field in one head, by the eye: everything behind `name:` up to the line's end. */
function valuesIn(head: string, name: string): readonly string[] {
  const line = new RegExp(`\\n${name}[ \\t]*:([^\\r\\n]*)`, "gi");
  return [...head.matchAll(line)].map((found) => (found[1] ?? "").replace(/^[ \t]+|[ \t]+$/g, ""));
}

function hasPlainChunked(head: string): boolean {
  const values = valuesIn(head, "Transfer-Encoding");
  return values.length === 1 && values[0]?.toLowerCase() === "chunked";
}

/** White space beyond single spaces around the value of a field that decides framing or persistence. */
const tabBehind =
  /\n(?:Transfer-Encoding|Content-Length|Connection|Proxy-Connection|Upgrade)[ \t]*:[^\r\n]*\t[ \t]*(?:\r|$)/i;
const proxyConnection = /\nProxy-Connection[ \t]*:/i;

/** A framing field among trailers: behind a line of zeros, with nothing but fields between. */
const framingInTrailer = /\n0+(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*(?:Content-Length|Transfer-Encoding)[ \t]*:/i;

/** They stopped before the message we judge: for them the one before closes the connection, or was no message. */
function theyStoppedBefore({ disagreement }: Seen): boolean {
  const complete = (messages: readonly { readonly isComplete: boolean }[]): number =>
    messages.filter((one) => one.isComplete).length;
  return complete(disagreement.theirs.messages) <= complete(disagreement.ours.messages);
}

/** The last message they read was informational: for them it was final, because it is 1.0 or says close. */
function theyEndedInformational({ disagreement }: Seen): boolean {
  const last = disagreement.theirs.messages.at(-1);
  return last !== undefined && last.status >= 100 && last.status < 200 && last.isComplete;
}

export const knownDifferences: readonly KnownDifference[] = [
  // What they refuse and we accept.
  {
    id: "late",
    why: "in an unfinished line we wait for its end before we judge it; once it is there, we refuse too",
    kind: "they refuse",
    fits: ({ disagreement }) => {
      if (!disagreement.ours.isUnfinished) return false;
      const finished = Buffer.concat([disagreement.input.bytes, Buffer.from("\r\n\r\n\r\n\r\n")]);
      return readOurs(finished, disagreement.input).refused !== undefined;
    },
    example: { kind: "request", text: "PUTT" },
  },
  {
    id: "proxy-connection",
    why: "llhttp obeys Proxy-Connection as if it were Connection; no RFC knows it, so we drop it unread",
    kind: "they refuse",
    fits: ({ text }) => proxyConnection.test(text),
    example: {
      kind: "response",
      text: "HTTP/1.0 304 Not Modified\r\nProxy-Connection: keep-alive\r\n\r\nx",
    },
  },
  {
    id: "tab-behind-value",
    why: "white space behind a value is not part of it, tabs included (RFC 9112 section 5); llhttp forgets the tab",
    kind: "they refuse",
    fits: ({ text }) => tabBehind.test(text),
    example: { kind: "response", text: "HTTP/1.1 200 OK\r\nContent-Length: 0\t\r\n\r\n" },
  },
  {
    id: "method-list",
    why: "any token is a method (RFC 9110 section 9.1); llhttp knows a fixed list",
    kind: "they refuse",
    codes: ["HPE_INVALID_METHOD"],
    fits: ({ text }) =>
      [...text.matchAll(new RegExp(`(?:^|\\n|[^A-Za-z])(${token}) `, "g"))].some(
        (found) => !theirMethods.has(found[1] ?? ""),
      ) || !theirMethods.has(text),
    example: { kind: "request", text: "FOO / HTTP/1.1\r\nHost: a\r\n\r\n" },
  },
  {
    id: "pri-method",
    why: "PRI with HTTP/1.1 is an ordinary token; llhttp keeps the name for the HTTP/2 preface, which we refuse by its version",
    kind: "they refuse",
    codes: ["HPE_INVALID_VERSION"],
    fits: ({ text, disagreement }) =>
      /PRI [^ ]/.test(text) && disagreement.theirs.reason === "Expected HTTP/2 Connection Preface",
    example: { kind: "request", text: "PRI / HTTP/1.1\r\nHost: a\r\n\r\n" },
  },
  {
    id: "response-fold",
    why: "a proxy replaces obs-fold in a response by spaces (RFC 9112 section 5.2); llhttp refuses it",
    kind: "they refuse",
    codes: ["HPE_INVALID_HEADER_TOKEN"],
    fits: ({ text, disagreement }) => disagreement.input.kind === "response" && /\r\n[ \t]/.test(text),
    example: { kind: "response", text: "HTTP/1.1 204 No Content\r\nX: a\r\n b\r\n\r\n" },
  },
  {
    id: "response-space-before-colon",
    why: "a proxy removes white space before the colon of a response (RFC 9112 section 5.1); llhttp refuses it",
    kind: "they refuse",
    codes: ["HPE_INVALID_HEADER_TOKEN"],
    fits: ({ text, disagreement }) =>
      disagreement.input.kind === "response" && new RegExp(`\\r\\n${token}[ \\t]+(?::|$)`).test(text),
    example: { kind: "response", text: "HTTP/1.1 204 No Content\r\nX : a\r\n\r\n" },
  },
  {
    id: "same-length-twice",
    why: "an origin that repeats the same Content-Length is believed (RFC 9110 section 8.6); llhttp refuses any second one",
    kind: "they refuse",
    codes: ["HPE_UNEXPECTED_CONTENT_LENGTH"],
    fits: ({ text, disagreement }) => {
      const values = valuesIn(text, "Content-Length");
      return disagreement.input.kind === "response" && new Set(values).size < values.length;
    },
    example: {
      kind: "response",
      text: "HTTP/1.1 204 No Content\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
    },
  },
  {
    id: "length-in-trailer",
    why: "a Content-Length among the trailers frames nothing and is dropped (RFC 9110 section 6.5.1); llhttp reads it as a field",
    kind: "they refuse",
    codes: ["HPE_INVALID_CONTENT_LENGTH", "HPE_UNEXPECTED_CONTENT_LENGTH", "HPE_INVALID_TRANSFER_ENCODING"],
    fits: ({ text }) => framingInTrailer.test(text),
    example: {
      kind: "request",
      text: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n",
    },
  },
  {
    id: "chunk-extension",
    why: "chunk extensions are bounded, checked for control bytes and never passed on; llhttp also checks their grammar",
    kind: "they refuse",
    codes: ["HPE_STRICT", "HPE_INVALID_CHUNK_SIZE"],
    fits: ({ disagreement, text }) =>
      disagreement.theirs.reason.startsWith("Invalid character in chunk extensions") &&
      /\n[0-9A-Fa-f]+;[^\r\n]*\r\n/.test(text),
    example: {
      kind: "request",
      text: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;\r\n\r\n",
    },
  },
  {
    id: "close-wins",
    why: "close among the options of Connection closes (RFC 9112 section 9.3) and what follows is not read; in 1.0 llhttp lets keep-alive overrule it",
    kind: "they refuse",
    fits: ({ text, disagreement }) =>
      !disagreement.ours.isUnfinished &&
      valuesIn(text, "Connection").some((value) => /(?:^|[, \t])close[ \t]*(?:,|$)/i.test(value)),
    example: {
      kind: "response",
      text: "HTTP/1.0 204 No Content\r\nConnection: close, keep-alive\r\n\r\nx",
    },
  },

  // What we refuse and they accept.
  {
    id: "informational-closes",
    why: "an informational answer is followed by the final one; for llhttp one of HTTP/1.0 or with Connection: close is the last",
    kind: "we refuse",
    fits: (seen) => theyEndedInformational(seen) && theyStoppedBefore(seen),
    example: { kind: "response", text: "HTTP/1.0 100 Continue\r\n\r\nx" },
  },
  {
    id: "proxy-connection-close",
    why: "llhttp obeys Proxy-Connection as if it were Connection, and reads nothing behind a close there",
    kind: "we refuse",
    fits: (seen) => proxyConnection.test(seen.text) && theyStoppedBefore(seen) && seen.disagreement.ours.stoppedAt > 0,
    example: {
      kind: "request",
      text: "GET / HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\n\r\n(\r\n\r\n",
    },
  },
  {
    id: "informational-body-behind",
    why: "no 1xx has a body (RFC 9112 section 6.3 rule 1), so what follows is the next answer; llhttp knows that only of 100 to 103",
    kind: "we refuse",
    fits: ({ disagreement }) => {
      const status = disagreement.ours.messages.at(-1)?.status ?? 0;
      return status >= 104 && status < 200;
    },
    example: {
      kind: "response",
      text: "HTTP/1.1 109 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 204 X\r\n\r\n",
    },
  },
  {
    id: "tab-behind-chunked",
    why: "llhttp does not know chunked with a tab behind it: it reads a response until the close, and an upgrade without its body",
    kind: "we refuse",
    codes: ["bad-chunk", "bad-trailer"],
    fits: ({ rest }) => tabBehind.test(rest),
    example: {
      kind: "response",
      text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n0x0\r\n\r\n",
    },
  },
  {
    id: "tab-behind-keep-alive",
    why: "llhttp does not know keep-alive with a tab behind it, closes, and reads nothing behind that message",
    kind: "we refuse",
    fits: (seen) =>
      /\nConnection[ \t]*:[^\r\n]*keep-alive[ \t]*\t[ \t]*\r/i.test(seen.text) &&
      theyStoppedBefore(seen) &&
      seen.disagreement.ours.stoppedAt > 0,
    example: { kind: "request", text: "GET / HTTP/1.0\r\nConnection: keep-alive\t\r\n\r\n(" },
  },
  {
    id: "empty-lines",
    why: "llhttp skips any CR and LF before a message; we skip CRLF, and only before requests (RFC 9112 section 2.2)",
    kind: "we refuse",
    codes: ["bad-status-line", "bare-lf", "bare-cr", "bad-method"],
    fits: ({ rest }) => /^[\r\n]/.test(rest),
    example: { kind: "response", text: "\r\nHTTP/1.1 204 No Content\r\n\r\n" },
  },
  {
    id: "framing-in-trailer-read",
    why: "a framing field among the trailers changes nothing (RFC 9110 section 6.5.1); llhttp obeys it and reads on as if a body followed",
    kind: "we refuse",
    fits: ({ text, disagreement }) =>
      disagreement.input.kind === "response" && framingInTrailer.test(text.slice(0, disagreement.ours.stoppedAt)),
    example: {
      kind: "response",
      text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTransfer-Encoding: x\r\n\r\nabc",
    },
  },
  {
    id: "status-without-reason",
    why: "behind a status comes a space or CRLF (RFC 9112 section 4); llhttp takes a bare CR there for the line's end",
    kind: "we refuse",
    codes: ["bad-status-line"],
    fits: ({ firstLine }) => /^HTTP\/1\.[01] \d{3}\r/.test(firstLine),
    example: { kind: "response", text: "HTTP/1.1 100\r\rX: a\r\n\r\n" },
  },
  {
    id: "status-range",
    why: "a status is 100 to 599 (RFC 9110 section 15); llhttp takes any three digits",
    kind: "we refuse",
    codes: ["bad-status-line"],
    fits: ({ firstLine }) => /^HTTP\/1\.[01] (?:0|[6-9])\d\d(?: |$)/.test(firstLine),
    example: { kind: "response", text: "HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n" },
  },
  {
    id: "other-response-protocols",
    why: "only HTTP/1.0 and HTTP/1.1 are read (DESIGN 7.1); llhttp also reads HTTP/0.9, HTTP/2.0, RTSP and ICE",
    kind: "we refuse",
    codes: ["bad-status-line"],
    fits: ({ firstLine }) => /^(?:HTTP\/[02-9]|R|I)/.test(firstLine),
    example: { kind: "response", text: "HTTP/2.0 204 No Content\r\n\r\n" },
  },
  {
    id: "reason-bytes",
    why: "control bytes in the reason are refused (RFC 9112 section 4); llhttp takes everything but CR and LF",
    kind: "we refuse",
    codes: ["bad-status-line"],
    // oxlint-disable-next-line no-control-regex -- control bytes are what is looked for
    fits: ({ firstLine }) => /^HTTP\/1\.[01] [1-5]\d\d [^\r\n]*[\0-\x08\x0b-\x1f\x7f]/.test(firstLine),
    example: { kind: "response", text: "HTTP/1.1 204 a\0b\r\n\r\n" },
  },
  {
    id: "other-request-protocols",
    why: "505 for what is not HTTP/1.0 or HTTP/1.1; llhttp also knows HTTP/0.9 and HTTP/2.0",
    kind: "we refuse",
    codes: ["unknown-version"],
    fits: ({ firstLine }) => / HTTP\/(?:0\.9|2\.0)$/.test(firstLine),
    example: { kind: "request", text: "GET / HTTP/2.0\r\nHost: a\r\n\r\n" },
  },
  {
    id: "request-line",
    why: "exactly one space between three parts, no byte of the target outside visible ASCII and no #: one reading only (RFC 9112 section 3)",
    kind: "we refuse",
    codes: ["bad-target", "bad-version", "bad-method", "bare-lf", "bare-cr"],
    fits: ({ firstLine }) => !plainRequestLine.test(firstLine),
    example: { kind: "request", text: "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" },
  },
  {
    id: "target-form",
    why: "origin-form, http(s) absolute-form without user information, and * for OPTIONS only (RFC 9112 section 3.2)",
    kind: "we refuse",
    codes: ["bad-target"],
    fits: ({ firstLine }) => {
      const target = firstLine.split(" ")[1] ?? "";
      const authority = /^https?:\/\/([^/?]*)/i.exec(target)?.[1];
      const isStarElsewhere = target === "*" && !firstLine.startsWith("OPTIONS ");
      return (
        isStarElsewhere ||
        !plainTarget.test(firstLine) ||
        (authority !== undefined && (authority === "" || !host.test(authority) || /^:|:\d*[6-9]\d{4}$/.test(authority)))
      );
    },
    example: { kind: "request", text: "GET * HTTP/1.1\r\nHost: a\r\n\r\n" },
  },
  {
    id: "connect",
    why: "a balancer is no tunnel: CONNECT gets 405",
    kind: "we refuse",
    codes: ["connect"],
    fits: ({ firstLine }) => firstLine.startsWith("CONNECT "),
    example: { kind: "request", text: "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n" },
  },
  {
    id: "host-value",
    why: "Host must be host and port (RFC 9112 section 3.2: 400 otherwise); llhttp does not look at it",
    kind: "we refuse",
    codes: ["bad-host"],
    fits: ({ head }) =>
      valuesIn(head, "Host").some((value) => !host.test(value) || /:\d*[6-9]\d{4}$|^:|^\[.{0,1}\]/.test(value)),
    example: { kind: "request", text: "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" },
  },
  {
    id: "host-count",
    why: "exactly one Host in HTTP/1.1, at most one in 1.0 (RFC 9112 section 3.2); llhttp does not count",
    kind: "we refuse",
    codes: ["host-missing", "host-twice"],
    fits: ({ head, disagreement }) => {
      const count = valuesIn(head, "Host").length;
      return disagreement.code === "host-missing" ? count === 0 : count > 1;
    },
    example: { kind: "request", text: "GET / HTTP/1.1\r\n\r\n" },
  },
  {
    id: "transfer-coding",
    why: "exactly one Transfer-Encoding, and it is chunked (DESIGN 7.1); llhttp takes other codings before chunked, an empty value, and in responses anything",
    kind: "we refuse",
    codes: ["bad-transfer-encoding", "unknown-transfer-coding"],
    fits: ({ head }) => valuesIn(head, "Transfer-Encoding").length > 0 && !hasPlainChunked(head),
    example: { kind: "response", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n" },
  },
  {
    id: "chunked-1.0",
    why: "Transfer-Encoding in an HTTP/1.0 message is faulty framing (RFC 9112 section 6.1); llhttp reads it",
    kind: "we refuse",
    codes: ["bad-transfer-encoding"],
    fits: ({ head, firstLine }) => hasPlainChunked(head) && /HTTP\/1\.0/.test(firstLine),
    example: {
      kind: "request",
      text: "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    },
  },
  {
    id: "length-zero-first",
    why: "a leading zero is octal to some readers, so that the number has two readings; llhttp reads decimal",
    kind: "we refuse",
    codes: ["bad-content-length"],
    fits: ({ head }) => valuesIn(head, "Content-Length").some((value) => /^0\d/.test(value)),
    example: { kind: "response", text: "HTTP/1.1 204 No Content\r\nContent-Length: 01\r\n\r\n" },
  },
  {
    id: "length-digits",
    why: "more than 15 digits are not counted exactly by everyone (2^53); llhttp counts to 2^64",
    kind: "we refuse",
    codes: ["bad-content-length"],
    fits: ({ head }) => valuesIn(head, "Content-Length").some((value) => /^\d{16,}$/.test(value)),
    example: {
      kind: "request",
      text: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9007199254740993\r\n\r\n",
    },
  },
  {
    id: "length-empty",
    why: "an empty Content-Length is no number (RFC 9110 section 8.6); llhttp says so only when it reads on",
    kind: "we refuse",
    codes: ["bad-content-length"],
    fits: ({ head }) => valuesIn(head, "Content-Length").includes(""),
    example: { kind: "request", text: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n" },
  },
  {
    id: "protected-connection-option",
    why: "Connection may not name fields that the origin relies on (DESIGN 7.1); llhttp does not look",
    kind: "we refuse",
    codes: ["connection-names-protected"],
    fits: ({ head }) =>
      valuesIn(head, "Connection").some((value) =>
        /(?:^|[, \t])(?:host|content-length|expect|cookie|te|trailer)(?:[, \t]|$)/i.test(value),
      ),
    example: { kind: "request", text: "GET / HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n" },
  },
  {
    id: "expectation",
    why: "417 for any expectation but 100-continue (RFC 9110 section 10.1.1); llhttp does not look",
    kind: "we refuse",
    codes: ["bad-expect"],
    fits: ({ head }) => valuesIn(head, "Expect").some((value) => value.toLowerCase() !== "100-continue"),
    example: { kind: "request", text: "GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n" },
  },

  // What both accept and read differently.
  {
    id: "tab-behind-value-read",
    why: "white space behind a value is not part of it, tabs included (RFC 9112 section 5); llhttp forgets the tab and misses close or chunked",
    kind: "message",
    fits: ({ text }) => tabBehind.test(text),
    example: {
      kind: "response",
      text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n",
    },
  },
  {
    id: "pri-method-read",
    why: "PRI with HTTP/1.0 and no field is an ordinary request; llhttp waits for the rest of the HTTP/2 preface",
    kind: "message",
    codes: ["count", "unfinished"],
    fits: ({ text }) => /PRI [^ ]+ HTTP\/1/.test(text),
    example: { kind: "request", text: "PRI http://h/p HTTP/1.0\r\n\r\n" },
  },
  {
    id: "informational-body",
    why: "no 1xx has a body (RFC 9112 section 6.3 rule 1); llhttp knows that only of 100 to 103",
    kind: "message",
    codes: ["body", "count", "unfinished"],
    fits: ({ text }) => /HTTP\/1\.[01] 1(?:0[4-9]|[1-9]\d)/.test(text),
    example: { kind: "response", text: "HTTP/1.1 109 X\r\nContent-Length: 2\r\n\r\nab" },
  },
  {
    id: "informational-closes-read",
    why: "an informational answer is followed by the final one; for llhttp one of HTTP/1.0 or with Connection: close is the last",
    kind: "message",
    codes: ["count", "unfinished"],
    fits: (seen) => theyEndedInformational(seen) && theyStoppedBefore(seen),
    example: {
      kind: "response",
      text: "HTTP/1.0 100 Continue\r\n\r\nHTTP/1.0 204 No Content\r\n\r\n",
    },
  },
  {
    id: "proxy-connection-read",
    why: "llhttp obeys Proxy-Connection as if it were Connection; we drop it unread",
    kind: "message",
    codes: ["count", "unfinished"],
    fits: ({ text }) => proxyConnection.test(text),
    example: {
      kind: "request",
      text: "GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    },
  },
  {
    id: "close-wins-read",
    why: "close among the options of Connection closes (RFC 9112 section 9.3); in 1.0 llhttp lets keep-alive overrule it",
    kind: "message",
    codes: ["count", "unfinished"],
    fits: ({ text, disagreement }) =>
      valuesIn(text, "Connection").some((value) => /close/i.test(value)) &&
      verdictOf(disagreement.theirs) !== "refused",
    example: {
      kind: "response",
      text: "HTTP/1.0 204 No Content\r\nConnection: close, keep-alive\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    },
  },
];

/**
 * Why a head or a body was refused, by number. The status is what a *client* gets for its own mistake; the same reason
 * in an endpoint's response always becomes 502.
 */
export const Refusal = {
  None: 0,
  BareLf: 1,
  BareCr: 2,
  ControlByte: 3,
  BadMethod: 4,
  BadTarget: 5,
  BadVersion: 6,
  UnknownVersion: 7,
  BadFieldName: 8,
  SpaceBeforeColon: 9,
  ObsFold: 10,
  BadHost: 11,
  HostMissing: 12,
  HostTwice: 13,
  BadContentLength: 14,
  ContentLengthDiffers: 15,
  LengthAndChunked: 16,
  BadTransferEncoding: 17,
  UnknownTransferCoding: 18,
  ConnectionNamesProtected: 19,
  TooManyConnectionOptions: 20,
  BadExpect: 21,
  TargetTooLong: 22,
  HeadTooLarge: 23,
  TooManyFields: 24,
  BodyTooLarge: 25,
  ConnectMethod: 26,
  BadChunk: 27,
  BadTrailer: 28,
  BadStatusLine: 29,
  FoldedFraming: 30,
  NotHttp: 31,
  LengthRequired: 32,
} as const;
export type Refusal = (typeof Refusal)[keyof typeof Refusal];

interface RefusalText {
  readonly status: number;
  readonly code: string;
  readonly text: string;
}

const texts: Readonly<Record<Refusal, RefusalText>> = {
  [Refusal.None]: { status: 200, code: "none", text: "" },
  [Refusal.BareLf]: {
    status: 400,
    code: "bare-lf",
    text: "a line ends in LF without CR (RFC 9112 section 2.2)",
  },
  [Refusal.BareCr]: { status: 400, code: "bare-cr", text: "CR without LF (RFC 9112 section 2.2)" },
  [Refusal.ControlByte]: { status: 400, code: "control-byte", text: "a control byte in the head" },
  [Refusal.BadMethod]: { status: 400, code: "bad-method", text: "the method is not a token" },
  [Refusal.BadTarget]: { status: 400, code: "bad-target", text: "the request target is not valid" },
  [Refusal.BadVersion]: {
    status: 400,
    code: "bad-version",
    text: "the request line does not end in an HTTP version",
  },
  [Refusal.UnknownVersion]: {
    status: 505,
    code: "unknown-version",
    text: "only HTTP/1.0 and HTTP/1.1 are spoken here",
  },
  [Refusal.BadFieldName]: {
    status: 400,
    code: "bad-field-name",
    text: "a field name is not a token",
  },
  [Refusal.SpaceBeforeColon]: {
    status: 400,
    code: "space-before-colon",
    text: "white space before the colon of a field",
  },
  [Refusal.ObsFold]: {
    status: 400,
    code: "obs-fold",
    text: "a folded field value (RFC 9112 section 5.2)",
  },
  [Refusal.BadHost]: { status: 400, code: "bad-host", text: "Host is not a valid host and port" },
  [Refusal.HostMissing]: { status: 400, code: "host-missing", text: "Host is missing" },
  [Refusal.HostTwice]: { status: 400, code: "host-twice", text: "Host came more than once" },
  [Refusal.BadContentLength]: {
    status: 400,
    code: "bad-content-length",
    text: "Content-Length is not one plain number",
  },
  [Refusal.ContentLengthDiffers]: {
    status: 400,
    code: "content-length-twice",
    text: "Content-Length came more than once",
  },
  [Refusal.LengthAndChunked]: {
    status: 400,
    code: "length-and-chunked",
    text: "Content-Length together with Transfer-Encoding",
  },
  [Refusal.BadTransferEncoding]: {
    status: 400,
    code: "bad-transfer-encoding",
    text: "Transfer-Encoding does not end in one chunked",
  },
  [Refusal.UnknownTransferCoding]: {
    status: 501,
    code: "unknown-transfer-coding",
    text: "a transfer coding other than chunked",
  },
  [Refusal.ConnectionNamesProtected]: {
    status: 400,
    code: "connection-names-protected",
    text: "Connection names a field that must reach the origin",
  },
  [Refusal.TooManyConnectionOptions]: {
    status: 400,
    code: "connection-options",
    text: "too many options in Connection",
  },
  [Refusal.BadExpect]: {
    status: 417,
    code: "bad-expect",
    text: "an expectation other than 100-continue",
  },
  [Refusal.TargetTooLong]: {
    status: 414,
    code: "target-too-long",
    text: "the request target is too long",
  },
  [Refusal.HeadTooLarge]: { status: 431, code: "head-too-large", text: "the head is too large" },
  [Refusal.TooManyFields]: { status: 431, code: "too-many-fields", text: "too many fields" },
  [Refusal.BodyTooLarge]: { status: 413, code: "body-too-large", text: "the body is too large" },
  [Refusal.ConnectMethod]: { status: 405, code: "connect", text: "CONNECT is not served here" },
  [Refusal.BadChunk]: { status: 400, code: "bad-chunk", text: "the chunked body is malformed" },
  [Refusal.BadTrailer]: {
    status: 400,
    code: "bad-trailer",
    text: "a trailer is malformed or too large",
  },
  [Refusal.BadStatusLine]: {
    status: 400,
    code: "bad-status-line",
    text: "the status line is malformed",
  },
  [Refusal.FoldedFraming]: {
    status: 400,
    code: "folded-framing",
    text: "a field that decides the framing is folded",
  },
  [Refusal.NotHttp]: {
    status: 400,
    code: "not-http",
    text: "this does not look like HTTP (TLS to a plain port?)",
  },
  [Refusal.LengthRequired]: {
    status: 411,
    code: "length-required",
    text: "the endpoint needs a Content-Length, and the body is too large to be counted first",
  },
};

/** Status for the client whose request was refused. */
export function refusalStatus(refusal: Refusal): number {
  return texts[refusal].status;
}

/** Stable name for logs, metrics and tests. */
export function refusalCode(refusal: Refusal): string {
  return texts[refusal].code;
}

/** One sentence for people. */
export function refusalText(refusal: Refusal): string {
  return texts[refusal].text;
}

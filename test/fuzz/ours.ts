import { ChunkedDecoder, Decoded } from "../../src/core/http1/chunked.ts";
import { Framing, isPersistent, requestFraming, responseFraming } from "../../src/core/http1/framing.ts";
import { Column, Fed, type HeadLimits, HeadParser, columns } from "../../src/core/http1/head-parser.ts";
import { Method } from "../../src/core/http1/method.ts";
import { Refusal, refusalCode } from "../../src/core/http1/refusal.ts";

/** One message as our parser and decoder see it. */
export interface OurMessage {
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly minor: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly isComplete: boolean;
}

export interface OurResult {
  /** Code of the refusal; undefined: nothing was refused. */
  readonly refused: string | undefined;
  /** The bytes end inside a message. */
  readonly isUnfinished: boolean;
  readonly messages: readonly OurMessage[];
  /** Where the first message begins that was refused, is unfinished, or was not read because the one before closes. */
  readonly stoppedAt: number;
}

/** Wide enough that no generated input meets a limit: limits are ours alone, and are proven by tables. */
const limits: HeadLimits = { headBytesMax: 1 << 17, fieldsMax: 1000, targetBytesMax: 1 << 16 };

/** Reads everything at once, then the end of the connection. */
export function readOurs(
  input: Uint8Array,
  options: { readonly kind: "request" | "response"; readonly isHead?: boolean },
): OurResult {
  const bytes = Buffer.from(input);
  const isResponse = options.kind === "response";
  const parser = new HeadParser(isResponse, limits);
  const messages: OurMessage[] = [];
  let at = 0;
  while (at < bytes.length) {
    parser.reset(limits);
    const fed = parser.feed(bytes, at, bytes.length);
    if (fed === Fed.Refused)
      return { refused: refusalCode(parser.refusal), isUnfinished: false, messages, stoppedAt: at };
    if (fed === Fed.More)
      return {
        refused: undefined,
        isUnfinished: !isOnlyLineEnds(bytes, at),
        messages,
        stoppedAt: at,
      };
    const message = describe(parser, bytes, at);
    const framing = isResponse
      ? responseFraming(parser, options.isHead === true ? Method.Head : Method.Get)
      : requestFraming(parser);
    const body = readBody(bytes, at + parser.headBytes, { framing, length: parser.contentLength });
    messages.push({ ...message, body: body.text, isComplete: body.isComplete });
    if (body.refusal !== Refusal.None)
      return { refused: refusalCode(body.refusal), isUnfinished: false, messages, stoppedAt: at };
    if (!body.isComplete) return { refused: undefined, isUnfinished: true, messages, stoppedAt: at };
    at = body.end;
    if (isLast(parser, message.headers)) break;
  }
  return { refused: undefined, isUnfinished: false, messages, stoppedAt: at };
}

/** Nothing behind this message is read by our rules: it closes, or another protocol may begin. */
function isLast(parser: HeadParser, headers: OurMessage["headers"]): boolean {
  if (parser.isResponse && parser.status === 101) return true;
  // An informational answer says nothing about the connection.
  if (parser.isResponse && parser.status < 200) return false;
  const hasProtocol = headers.some(([name, value]) => name.toLowerCase() === "upgrade" && value !== "");
  const asksUpgrade = !parser.isResponse && parser.saysUpgrade && hasProtocol;
  return asksUpgrade || !isPersistent(parser);
}

function isOnlyLineEnds(bytes: Buffer, from: number): boolean {
  return bytes.subarray(from).every((byte) => byte === 0x0d || byte === 0x0a);
}

function describe(parser: HeadParser, bytes: Buffer, base: number): Omit<OurMessage, "body" | "isComplete"> {
  const text = (from: number, to: number): string => bytes.toString("latin1", base + from, base + to);
  const headers: [string, string][] = [];
  for (let row = 0; row < parser.fieldCount; row++) {
    const cell = (column: number): number => parser.fields[row * columns + column]!;
    headers.push([text(cell(Column.Name), cell(Column.NameEnd)), text(cell(Column.Value), cell(Column.ValueEnd))]);
  }
  const isResponse = parser.isResponse;
  return {
    method: isResponse ? "" : text(parser.methodStart, parser.methodEnd),
    target: isResponse ? "" : text(parser.targetStart, parser.targetEnd),
    status: isResponse ? parser.status : 0,
    minor: parser.minor,
    headers,
  };
}

interface BodyRead {
  readonly text: string;
  readonly end: number;
  readonly isComplete: boolean;
  readonly refusal: Refusal;
}

function readBody(bytes: Buffer, from: number, how: { readonly framing: Framing; readonly length: number }): BodyRead {
  const whole = (end: number, isComplete: boolean): BodyRead => ({
    text: bytes.toString("latin1", from, end),
    end,
    isComplete,
    refusal: Refusal.None,
  });
  switch (how.framing) {
    case Framing.None:
      return whole(from, true);
    case Framing.Length:
      return whole(Math.min(bytes.length, from + how.length), from + how.length <= bytes.length);
    case Framing.UntilClose:
      return whole(bytes.length, true);
    case Framing.Chunked: {
      const decoder = new ChunkedDecoder();
      decoder.reset({ keepsFraming: false, trailerBytesMax: limits.headBytesMax, trailersMax: limits.fieldsMax });
      const rest = Buffer.from(bytes.subarray(from));
      const decoded = decoder.feed(rest, 0, rest.length);
      if (decoded === Decoded.Refused) return { text: "", end: from, isComplete: false, refusal: decoder.refusal };
      const isComplete = decoded === Decoded.Done;
      return {
        text: rest.toString("latin1", 0, decoder.writeEnd),
        end: from + decoder.readEnd,
        isComplete,
        refusal: Refusal.None,
      };
    }
  }
}

import { ChunkedDecoder, Decoded } from "../../src/core/http1/chunked.ts";
import { Framing, isPersistent, requestFraming, responseFraming } from "../../src/core/http1/framing.ts";
import { Column, Fed, type HeadLimits, HeadParser, columns } from "../../src/core/http1/head-parser.ts";
import { Method } from "../../src/core/http1/method.ts";
import { Refusal, refusalCode, refusalStatus } from "../../src/core/http1/refusal.ts";
import { showWire } from "./wire.ts";

/** What is read: requests of one client, or the answers to requests of one method. */
export interface TraceOptions {
  readonly kind: "request" | "response";
  /** Of the requests that are answered. Default GET. */
  readonly method?: Method;
  readonly limits?: HeadLimits;
  /** Room for one trailer section. */
  readonly trailerBytesMax?: number;
}

/** The limits of the hostile corpus. */
export const traceLimits: HeadLimits = { headBytesMax: 8192, fieldsMax: 50, targetBytesMax: 2048 };

/**
 * Drives the parser and the chunked decoder over bytes that come in pieces, the way a connection does, and writes down
 * every event. How the bytes were cut must not show in the result.
 *
 *   request GET /a HTTP/1.1      field Host: a      framing length 3 keep      body "abc"      end
 *   refused bare-lf (400)        more (head)        more (body)
 */
export function trace(pieces: readonly Uint8Array[], options: TraceOptions): readonly string[] {
  return new Tracer(options).run(pieces);
}

class Tracer {
  readonly #events: string[] = [];
  readonly #options: TraceOptions;
  readonly #parser: HeadParser;
  readonly #limits: HeadLimits;
  #inBody: Framing = Framing.None;
  #remaining = 0;
  #body = "";
  #chunked: ChunkedPair | undefined;
  #isOver = false;

  constructor(options: TraceOptions) {
    this.#options = options;
    this.#limits = options.limits ?? traceLimits;
    this.#parser = new HeadParser(options.kind === "response", this.#limits);
  }

  run(pieces: readonly Uint8Array[]): readonly string[] {
    const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const bytes = Buffer.alloc(total);
    let base = 0;
    let end = 0;
    for (const piece of pieces) {
      bytes.set(piece, end);
      end += piece.length;
      while (!this.#isOver && base < end) {
        const next = this.#inBody === Framing.None ? this.#head(bytes, base, end) : this.#readBody(bytes, base, end);
        if (next === base) break;
        base = next;
      }
    }
    if (!this.#isOver) this.#unfinished(base < end);
    return this.#events;
  }

  #unfinished(hasBytes: boolean): void {
    if (this.#inBody === Framing.UntilClose) {
      this.#bodyDone();
      return;
    }
    if (this.#inBody !== Framing.None) this.#events.push(`body ${quoted(this.#body)}`, "more (body)");
    else if (hasBytes) this.#events.push("more (head)");
  }

  #head(bytes: Buffer, base: number, end: number): number {
    const parser = this.#parser;
    switch (parser.feed(bytes, base, end)) {
      case Fed.More:
        return base;
      case Fed.Refused:
        this.#refused(parser.refusal);
        return base;
      case Fed.Done:
        break;
    }
    this.#describe(bytes, base);
    const next = base + parser.headBytes;
    const isResponse = this.#options.kind === "response";
    const framing = isResponse ? responseFraming(parser, this.#options.method ?? Method.Get) : requestFraming(parser);
    const length = parser.contentLength;
    this.#events.push(`framing ${framingName(framing, length)} ${isPersistent(parser) ? "keep" : "close"}`);
    this.#inBody = framing;
    this.#remaining = length;
    this.#body = "";
    if (framing === Framing.Chunked)
      this.#chunked = new ChunkedPair(this.#options.trailerBytesMax ?? this.#limits.headBytesMax);
    parser.reset(this.#limits);
    if (framing === Framing.None) this.#bodyDone();
    return next;
  }

  #describe(bytes: Buffer, base: number): void {
    const parser = this.#parser;
    const text = (from: number, to: number): string => showWire(bytes.subarray(base + from, base + to), 200);
    const version = `HTTP/1.${parser.minor}`;
    if (this.#options.kind === "response") this.#events.push(`response ${version} ${parser.status}`);
    else {
      const method = text(parser.methodStart, parser.methodEnd);
      this.#events.push(`request ${method} ${text(parser.targetStart, parser.targetEnd)} ${version}`);
      if (parser.authorityEnd > parser.authorityStart)
        this.#events.push(`authority ${text(parser.authorityStart, parser.authorityEnd)}`);
    }
    for (let row = 0; row < parser.fieldCount; row++) {
      const cell = (column: number): number => parser.fields[row * columns + column]!;
      this.#events.push(
        `field ${text(cell(Column.Name), cell(Column.NameEnd))}: ${text(cell(Column.Value), cell(Column.ValueEnd))}`,
      );
    }
  }

  #readBody(bytes: Buffer, base: number, end: number): number {
    switch (this.#inBody) {
      case Framing.Length: {
        const stop = Math.min(end, base + this.#remaining);
        this.#body += bytes.toString("latin1", base, stop);
        this.#remaining -= stop - base;
        if (this.#remaining === 0) this.#bodyDone();
        return stop;
      }
      case Framing.Chunked:
        return this.#readChunks(bytes, base, end);
      default:
        this.#body += bytes.toString("latin1", base, end);
        return end;
    }
  }

  #readChunks(bytes: Buffer, base: number, end: number): number {
    const pair = this.#chunked!;
    const fed = pair.feed(bytes.subarray(base, end));
    this.#body = pair.body;
    if (fed === Decoded.Refused) {
      // How much of the body was let through before the mistake depends on where the bytes were cut.
      this.#refused(pair.refusal);
      return base;
    }
    if (fed === Decoded.Done) {
      this.#events.push(`chunks ${quoted(pair.written)}`);
      this.#bodyDone();
    }
    return base + pair.readEnd;
  }

  #bodyDone(): void {
    if (this.#inBody !== Framing.None) this.#events.push(`body ${quoted(this.#body)}`);
    this.#events.push("end");
    this.#inBody = Framing.None;
  }

  #refused(refusal: Refusal): void {
    this.#events.push(`refused ${refusalCode(refusal)} (${refusalStatus(refusal)})`);
    this.#isOver = true;
  }
}

/** The same chunked body through both settings of the decoder: as chunks for HTTP/1.1, and bare for HTTP/1.0. */
class ChunkedPair {
  /** What is written to a peer that speaks HTTP/1.1. */
  written = "";
  /** What is written to a peer that does not know chunks. */
  body = "";
  refusal: Refusal = Refusal.None;
  readEnd = 0;
  readonly #keeping = new ChunkedDecoder();
  readonly #bare = new ChunkedDecoder();

  constructor(trailerBytesMax: number) {
    this.#keeping.reset({ keepsFraming: true, trailerBytesMax, trailersMax: 100 });
    this.#bare.reset({ keepsFraming: false, trailerBytesMax, trailersMax: 100 });
  }

  feed(piece: Buffer): Decoded {
    const kept = Buffer.from(piece);
    const bare = Buffer.from(piece);
    const fed = this.#keeping.feed(kept, 0, kept.length);
    const fedBare = this.#bare.feed(bare, 0, bare.length);
    if (fed !== fedBare) throw new Error("the decoder's two settings disagree about the framing");
    if (fed === Decoded.Refused) {
      this.refusal = this.#keeping.refusal;
      return fed;
    }
    this.written += kept.toString("latin1", 0, this.#keeping.writeEnd);
    if (fed === Decoded.Done && this.#keeping.tail !== undefined)
      this.written += Buffer.from(this.#keeping.tail).toString("latin1");
    this.body += bare.toString("latin1", 0, this.#bare.writeEnd);
    this.readEnd = this.#keeping.readEnd;
    if (this.#bare.readEnd !== this.readEnd) throw new Error("the decoder's two settings end at different places");
    return fed;
  }
}

function framingName(framing: Framing, length: number): string {
  switch (framing) {
    case Framing.None:
      return "none";
    case Framing.Length:
      return `length ${length}`;
    case Framing.Chunked:
      return "chunked";
    case Framing.UntilClose:
      return "close";
  }
}

function quoted(text: string): string {
  return `"${showWire(Buffer.from(text, "latin1"), 200)}"`;
}

/** The bytes cut at one place, for every place (or at most `cutsMax` of them, evenly spread). */
export function* everySplit(bytes: Uint8Array, cutsMax = 600): Generator<readonly Uint8Array[]> {
  const step = Math.max(1, Math.ceil(bytes.length / cutsMax));
  for (let at = 1; at < bytes.length; at += step) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

/** The bytes one by one. */
export function byteByByte(bytes: Uint8Array): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at++) pieces.push(bytes.subarray(at, at + 1));
  return pieces;
}

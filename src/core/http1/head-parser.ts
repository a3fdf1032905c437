import { Byte, tokenByte, valueByte } from "../../lib/bytes.ts";
import { readField } from "./field-rules.ts";
import { Field, fieldOf } from "./fields.ts";
import { parseRequestLine, parseStatusLine } from "./first-line.ts";
import type { Method, TargetForm } from "./method.ts";
import { Refusal } from "./refusal.ts";

export interface HeadLimits {
  /** First line and fields together, with their line ends. */
  readonly headBytesMax: number;
  readonly fieldsMax: number;
  readonly targetBytesMax: number;
}

/** What `feed` says. */
export const Fed = { More: 0, Done: 1, Refused: 2 } as const;
export type Fed = (typeof Fed)[keyof typeof Fed];

/** Columns of the field table; a row is one field line. All offsets count from the first byte of the head. */
export const Column = { Name: 0, NameEnd: 1, Value: 2, ValueEnd: 3, LineEnd: 4, Id: 5 } as const;
export const columns = 6;

/** Set in the `Id` column of a request field whose name has an underscore. */
export const underscored = 0x100;

/** Options of `Connection` that name further fields, at most this many. */
export const namedMax = 16;

/**
 * Reads one request or response head, in as many pieces as it comes, into offsets: no strings, no objects per field.
 *
 *   bytes:  … | GET /a HTTP/1.1 CR LF | Host: x CR LF | … | CR LF | body …
 *             ^ base                                             ^ base + headBytes
 *
 * `feed` is given the whole head so far each time, because offsets count from its first byte: the caller keeps what an
 * unfinished feed has read and appends to it. Whole lines are read once; of an unfinished line only the new bytes are
 * looked at again (for its end), so that a client that sends byte by byte costs no more than any other.
 *
 * Requests are read strictly and responses as RFC 9112 §5 asks of proxies: folded lines and spaces before a colon are
 * repaired in place (which is why `feed` may write to `bytes`).
 */
export class HeadParser {
  readonly isResponse: boolean;
  /** `columns` numbers for each of `fieldCount` field lines. */
  fields = new Int32Array(64 * columns);
  fieldCount = 0;
  refusal: Refusal = Refusal.None;
  /** Length of the complete head, final empty line included; 0 until `feed` said Done. */
  headBytes = 0;
  /** Where the first field line begins. */
  fieldsStart = 0;
  /** HTTP/1.`minor`: 0 or 1. */
  minor = 1;

  method: Method = 0;
  methodStart = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  targetForm: TargetForm = 0;
  /** Authority of an absolute-form target; equal when there is none. */
  authorityStart = 0;
  authorityEnd = 0;
  /** Where path and query begin and end inside the target; equal for an absolute form without a path. */
  pathStart = 0;
  pathEnd = 0;
  /** The `?` or `pathEnd`. */
  queryStart = 0;

  /** Of a response: 100..999. */
  status = 0;

  /** -1 = no Content-Length. */
  contentLength = -1;
  /** Transfer-Encoding is exactly `chunked`. */
  isChunked = false;
  /** Row of Host, -1 = none. */
  hostRow = -1;
  /** Options of Connection. */
  saysClose = false;
  saysKeepAlive = false;
  saysUpgrade = false;
  expectsContinue = false;
  /** If-Match, If-None-Match or If-Unmodified-Since is there. */
  isConditional = false;
  hasUnderscore = false;
  /** Bit `1 << id` for each known field with an id below 32 that came. */
  seen = 0;
  /** Seconds of `Keep-Alive: timeout=N` in a response, -1 = not said. */
  keepAliveSeconds = -1;
  /** Start and end of each name that Connection lists beside the usual options. */
  readonly named = new Int32Array(namedMax * 2);
  namedCount = 0;

  #limits: HeadLimits;
  /** Offset of the first line that is not read yet. */
  #line = 0;
  /** Up to where that line was searched for its end. */
  #searched = 0;
  #hasFirstLine = false;

  constructor(isResponse: boolean, limits: HeadLimits) {
    this.isResponse = isResponse;
    this.#limits = limits;
  }

  /** Ready for the next head. */
  reset(limits: HeadLimits): void {
    this.#limits = limits;
    this.#line = 0;
    this.#searched = 0;
    this.#hasFirstLine = false;
    this.fieldCount = 0;
    this.refusal = Refusal.None;
    this.headBytes = 0;
    this.contentLength = -1;
    this.isChunked = false;
    this.hostRow = -1;
    this.saysClose = false;
    this.saysKeepAlive = false;
    this.saysUpgrade = false;
    this.expectsContinue = false;
    this.isConditional = false;
    this.hasUnderscore = false;
    this.seen = 0;
    this.keepAliveSeconds = -1;
    this.namedCount = 0;
  }

  /**
   * Reads on. `bytes[base, end)` must hold everything of this head that came so far, unchanged since the last call.
   * After `Refused`, `refusal` says why and the connection is not to be read any further.
   */
  feed(bytes: Uint8Array, base: number, end: number): Fed {
    if (this.#searched > this.#line) {
      // One byte back, so that a CR that came last is seen together with what follows it.
      let at = base + this.#searched - 1;
      while (at < end && valueByte[bytes[at]!] === 1) at++;
      if (at >= end) return this.#more(base, end);
    }
    if (!this.#hasFirstLine) {
      const fed = this.#firstLine(bytes, base, end);
      if (fed !== Fed.Done) return fed;
    }
    return this.#fieldLines(bytes, base, end);
  }

  /** The line at `#line` is not complete: remember how far it was searched, and hold the limits. */
  #more(base: number, end: number): Fed {
    this.#searched = end - base;
    if (!this.#hasFirstLine && !this.isResponse && end - base - this.#line > this.#limits.targetBytesMax + 64) {
      return this.#refuse(Refusal.TargetTooLong);
    }
    if (end - base > this.#limits.headBytesMax) return this.#refuse(Refusal.HeadTooLarge);
    return Fed.More;
  }

  #refuse(refusal: Refusal): Fed {
    this.refusal = refusal;
    return Fed.Refused;
  }

  #firstLine(bytes: Uint8Array, base: number, end: number): Fed {
    let at = base + this.#line;
    // RFC 9112 §2.2: an empty line before a request line is ignored (old clients add one after a body).
    while (!this.isResponse && end - at >= 2 && bytes[at] === Byte.Cr && bytes[at + 1] === Byte.Lf) at += 2;
    this.#line = at - base;
    // Such an empty line may come in two pieces.
    if (!this.isResponse && end - at === 1 && bytes[at] === Byte.Cr) return this.#more(base, end);
    const next = this.isResponse
      ? parseStatusLine(this, bytes, base, at, end)
      : parseRequestLine(this, bytes, base, at, end, this.#limits.targetBytesMax);
    if (next < 0) return Fed.Refused;
    if (next === 0) return this.#more(base, end);
    this.#hasFirstLine = true;
    this.#line = next - base;
    this.fieldsStart = this.#line;
    return Fed.Done;
  }

  #fieldLines(bytes: Uint8Array, base: number, end: number): Fed {
    const limitAt = base + this.#limits.headBytesMax;
    let at = base + this.#line;
    for (;;) {
      this.#line = at - base;
      if (at >= end) return this.#more(base, end);
      let byte = bytes[at]!;
      if (byte === Byte.Cr) {
        if (at + 1 >= end) return this.#more(base, end);
        if (bytes[at + 1] !== Byte.Lf) return this.#refuse(Refusal.BareCr);
        if (at + 2 > limitAt) return this.#refuse(Refusal.HeadTooLarge);
        this.headBytes = at + 2 - base;
        return this.#finish();
      }
      let name = at;
      if (byte === Byte.Space || byte === Byte.Tab) {
        if (!this.isResponse || this.fieldCount === 0) return this.#refuse(Refusal.ObsFold);
        const next = this.#unfold(bytes, base, at, end);
        if (next < 0) return Fed.Refused;
        if (next === 0) return this.#more(base, end);
        at = next;
        continue;
      }
      let hasUnderscore = false;
      while (tokenByte[byte] === 1) {
        if (byte === Byte.Underscore) hasUnderscore = true;
        if (++at >= end) return this.#more(base, end);
        byte = bytes[at]!;
      }
      let nameEnd = at;
      if (byte !== Byte.Colon || nameEnd === name) {
        if (nameEnd === name || (byte !== Byte.Space && byte !== Byte.Tab))
          return this.#badName(byte, nameEnd === name);
        if (!this.isResponse) return this.#refuse(Refusal.SpaceBeforeColon);
        while (at < end && (bytes[at] === Byte.Space || bytes[at] === Byte.Tab)) at++;
        if (at >= end) return this.#more(base, end);
        if (bytes[at] !== Byte.Colon) return this.#refuse(Refusal.BadFieldName);
      }
      const colon = at;
      at++;
      while (at < end && ((byte = bytes[at]!) === Byte.Space || byte === Byte.Tab)) at++;
      const value = at;
      while (at < end && valueByte[bytes[at]!] === 1) at++;
      if (at + 1 >= end) {
        if (at < end && bytes[at] !== Byte.Cr)
          return this.#refuse(bytes[at] === Byte.Lf ? Refusal.BareLf : Refusal.ControlByte);
        return this.#more(base, end);
      }
      if (bytes[at] !== Byte.Cr) return this.#refuse(bytes[at] === Byte.Lf ? Refusal.BareLf : Refusal.ControlByte);
      if (bytes[at + 1] !== Byte.Lf) return this.#refuse(Refusal.BareCr);
      let valueEnd = at;
      while (valueEnd > value && ((byte = bytes[valueEnd - 1]!) === Byte.Space || byte === Byte.Tab)) valueEnd--;
      at += 2;
      if (at > limitAt) return this.#refuse(Refusal.HeadTooLarge);
      if (nameEnd !== colon) {
        // RFC 9112 §5.1: a proxy removes white space before the colon of a response. The name moves up to the colon.
        bytes.copyWithin(name + (colon - nameEnd), name, nameEnd);
        name += colon - nameEnd;
        nameEnd = colon;
      }
      if (!this.#field(bytes, base, name, nameEnd, value, valueEnd, at, hasUnderscore)) return Fed.Refused;
    }
  }

  #badName(byte: number, isEmpty: boolean): Fed {
    if (byte === Byte.Lf) return this.#refuse(Refusal.BareLf);
    if (byte < Byte.Space && !isEmpty) return this.#refuse(Refusal.ControlByte);
    return this.#refuse(Refusal.BadFieldName);
  }

  #field(
    bytes: Uint8Array,
    base: number,
    name: number,
    nameEnd: number,
    value: number,
    valueEnd: number,
    lineEnd: number,
    hasUnderscore: boolean,
  ): boolean {
    const row = this.fieldCount;
    if (row >= this.#limits.fieldsMax) {
      this.refusal = Refusal.TooManyFields;
      return false;
    }
    let at = row * columns;
    if (at + columns > this.fields.length) {
      const larger = new Int32Array(this.fields.length * 2);
      larger.set(this.fields);
      this.fields = larger;
    }
    const id = fieldOf(bytes, name, nameEnd);
    const fields = this.fields;
    fields[at++] = name - base;
    fields[at++] = nameEnd - base;
    fields[at++] = value - base;
    fields[at++] = valueEnd - base;
    fields[at++] = lineEnd - base;
    fields[at] = hasUnderscore ? id | underscored : id;
    this.fieldCount = row + 1;
    if (hasUnderscore) this.hasUnderscore = true;
    if (id === Field.Other) return true;
    const refusal = readField(this, id, row, bytes, base);
    if (refusal === Refusal.None) return true;
    this.refusal = refusal;
    return false;
  }

  /**
   * A folded line of a response: line end and white space become one space (RFC 9112 §5.2), so that the field is one
   * line again. Gives the next line's place, 0 for an unfinished line, -1 refused.
   */
  #unfold(bytes: Uint8Array, base: number, at: number, end: number): number {
    const row = (this.fieldCount - 1) * columns;
    const fields = this.fields;
    const id = fields[row + Column.Id]! & 0xff;
    let stop = at;
    while (stop < end && valueByte[bytes[stop]!] === 1) stop++;
    if (stop + 1 >= end && (stop >= end || bytes[stop] === Byte.Cr)) return 0;
    if (bytes[stop] !== Byte.Cr || bytes[stop + 1] !== Byte.Lf) {
      this.refusal =
        bytes[stop] === Byte.Lf ? Refusal.BareLf : bytes[stop] === Byte.Cr ? Refusal.BareCr : Refusal.ControlByte;
      return -1;
    }
    if (id !== Field.Other && id !== Field.ContentType && id !== Field.SetCookie && id !== Field.CacheControl) {
      this.refusal = Refusal.FoldedFraming;
      return -1;
    }
    let text = at;
    while (text < stop && (bytes[text] === Byte.Space || bytes[text] === Byte.Tab)) text++;
    let valueEnd = stop;
    while (valueEnd > text && (bytes[valueEnd - 1] === Byte.Space || bytes[valueEnd - 1] === Byte.Tab)) valueEnd--;
    const joint = base + fields[row + Column.ValueEnd]!;
    // Everything of the field so far moves up to one space before the continuation: nothing behind it moves.
    const shift = text - 1 - joint;
    bytes.copyWithin(base + fields[row + Column.Name]! + shift, base + fields[row + Column.Name]!, joint);
    bytes[text - 1] = Byte.Space;
    fields[row + Column.Name]! += shift;
    fields[row + Column.NameEnd]! += shift;
    fields[row + Column.Value]! += shift;
    fields[row + Column.ValueEnd] = (valueEnd > text ? valueEnd : joint + shift) - base;
    fields[row + Column.LineEnd] = stop + 2 - base;
    return stop + 2;
  }

  #finish(): Fed {
    if (this.isChunked && this.contentLength >= 0) return this.#refuse(Refusal.LengthAndChunked);
    // RFC 9112 §6.1: Transfer-Encoding in an HTTP/1.0 message, from either side, is faulty framing.
    if (this.isChunked && this.minor === 0) return this.#refuse(Refusal.BadTransferEncoding);
    if (this.isResponse) return Fed.Done;
    if (this.hostRow < 0 && this.minor === 1) return this.#refuse(Refusal.HostMissing);
    return Fed.Done;
  }
}

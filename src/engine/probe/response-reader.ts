import type { StatusRange } from "../../model/config.ts";

/**
 * Reads one HTTP/1 response far enough to judge a check: status, and where a text is expected, the first 64 KiB of the
 * body. Stricter than a browser: a service that answers with broken framing should not look healthy to us, because the
 * data plane would refuse its answers too.
 */
export interface ResponseExpectation {
  /** HEAD has no body. */
  readonly method: string;
  readonly status: readonly StatusRange[];
  readonly body?: string;
  /** The answer that asks for DRAIN; looked for first. */
  readonly drain?: { readonly status: readonly StatusRange[]; readonly body?: string };
}

export interface Verdict {
  /** The endpoint is alive and answers what was expected, or asks to be drained. */
  readonly isOk: boolean;
  readonly asksDrain?: true;
  /** For people: `status 503, expected 200-299`. */
  readonly evidence: string;
}

const headBytesMax = 64 * 1024;
const bodyBytesMax = 64 * 1024;

/** `length`: so many bytes; `chunked`: RFC 9112 §7.1; `close`: until the connection ends. */
type Framing =
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "close" };

export class ResponseReader {
  readonly #expected: ResponseExpectation;
  #head: Buffer = Buffer.alloc(0);
  #body: BodySearch | undefined;
  #status = 0;
  /** The body is searched for the text that asks for DRAIN; if it lacks that, the rest is judged as ever. */
  #isDrainSearch = false;

  constructor(expected: ResponseExpectation) {
    this.#expected = expected;
  }

  /** True once the final response head was read. */
  get isInBody(): boolean {
    return this.#body !== undefined;
  }

  /** Takes bytes as they come; a verdict ends the check. */
  push(bytes: Uint8Array): Verdict | undefined {
    if (this.#body !== undefined) return this.#inBody(this.#body.push(bytes));
    this.#head = Buffer.concat([this.#head, bytes]);
    for (;;) {
      const end = this.#head.indexOf("\r\n\r\n");
      if (end < 0)
        return this.#head.length > headBytesMax
          ? bad(`no end of the response head in ${headBytesMax / 1024} KiB`)
          : looksWrong(this.#head);
      if (end > headBytesMax) return bad(`no end of the response head in ${headBytesMax / 1024} KiB`);
      const lines = this.#head.toString("latin1", 0, end).split("\r\n");
      const rest = this.#head.subarray(end + 4);
      const status = parseStatusLine(lines[0] ?? "");
      if (status === undefined) return bad(`not an HTTP response: ${quoted(lines[0] ?? "")}`);
      if (status === 101) return bad("status 101 without having asked for an upgrade");
      if (status >= 200) return this.#final(status, lines.slice(1), rest);
      this.#head = rest;
    }
  }

  /** The peer sent FIN. */
  end(): Verdict {
    if (this.#body !== undefined) return this.#inBody(this.#body.end()) ?? bad("connection closed inside the body");
    return bad(
      this.#head.length === 0
        ? "connection closed before the response head"
        : "connection closed inside the response head",
    );
  }

  #final(status: number, fields: readonly string[], rest: Uint8Array): Verdict | undefined {
    const { method, body, drain } = this.#expected;
    this.#status = status;
    const framing = framingOf(fields);
    if (typeof framing === "string") return bad(framing);
    const mayDrain = drain !== undefined && isIn(drain.status, status);
    if (mayDrain && drain.body === undefined) return good(`status ${status}`, true);
    this.#isDrainSearch = mayDrain;
    const byStatus = mayDrain ? undefined : this.#byStatus();
    if (byStatus !== undefined) return byStatus;
    const hasBody = method !== "HEAD" && status !== 204 && status !== 304;
    // One of the two is there: without a text to look for, the status has decided.
    const text = (mayDrain ? drain.body : body) ?? "";
    this.#body = new BodySearch(text, hasBody ? framing : { kind: "length", bytes: 0 });
    return this.#inBody(this.#body.push(rest));
  }

  /** The verdict where the status alone decides. */
  #byStatus(): Verdict | undefined {
    const { status: ranges, body } = this.#expected;
    if (!isIn(ranges, this.#status)) return bad(`status ${this.#status}, expected ${rangesText(ranges)}`);
    return body === undefined ? good(`status ${this.#status}`, false) : undefined;
  }

  #inBody(found: BodyFound): Verdict | undefined {
    const { body = "", drain } = this.#expected;
    switch (found) {
      case "more":
        return undefined;
      case "found":
        return good(
          `status ${this.#status}, body has ${quoted(this.#isDrainSearch ? (drain?.body ?? "") : body)}`,
          this.#isDrainSearch,
        );
      case "absent":
        if (!this.#isDrainSearch) return bad(`body lacks ${quoted(body)}`);
        this.#isDrainSearch = false;
        return this.#byStatus() ?? this.#inBody(this.#body?.has(body) === true ? "found" : "absent");
      case "cut":
        return bad("connection closed inside the body");
      case "broken":
        return bad("broken chunked framing in the body");
      default:
        return found satisfies never;
    }
  }
}

type BodyFound = "more" | "found" | "absent" | "cut" | "broken";

/** Looks for a text in a body that comes in pieces, whatever its framing. */
class BodySearch {
  readonly #text: Buffer;
  readonly #framing: Framing;
  /** Bytes of a chunked body that are not decoded yet. */
  #raw: Buffer = Buffer.alloc(0);
  #seen: Buffer = Buffer.alloc(0);
  #searched = 0;
  /** Bytes of the current chunk still to come; -1: a size line is next, -2: the CRLF behind the data. */
  #chunkLeft = -1;
  #isComplete = false;

  constructor(text: string, framing: Framing) {
    this.#text = Buffer.from(text);
    this.#framing = framing;
  }

  push(bytes: Uint8Array): BodyFound {
    if (this.#framing.kind === "chunked") {
      this.#raw = Buffer.concat([this.#raw, bytes]);
      if (!this.#decode()) return "broken";
    } else {
      const left = this.#framing.kind === "length" ? this.#framing.bytes - this.#seen.length : bytes.length;
      this.#take(bytes.subarray(0, Math.max(0, left)));
      this.#isComplete = this.#framing.kind === "length" && this.#seen.length >= this.#framing.bytes;
    }
    return this.#search();
  }

  /** Whether what was seen has this text as well. */
  has(text: string): boolean {
    return this.#seen.includes(text);
  }

  end(): BodyFound {
    return this.#framing.kind === "close" ? "absent" : "cut";
  }

  #take(bytes: Uint8Array): void {
    const room = bodyBytesMax - this.#seen.length;
    this.#seen = Buffer.concat([this.#seen, bytes.subarray(0, room)]);
    if (bytes.length >= room) this.#isComplete = true;
  }

  #search(): BodyFound {
    if (this.#seen.indexOf(this.#text, this.#searched) >= 0) return "found";
    if (this.#isComplete || this.#seen.length >= bodyBytesMax) return "absent";
    // The text may begin in what was seen and end in what comes.
    this.#searched = Math.max(0, this.#seen.length - this.#text.length + 1);
    return "more";
  }

  /** False: the framing is broken. */
  #decode(): boolean {
    while (!this.#isComplete && this.#raw.length > 0) {
      if (this.#chunkLeft > 0) {
        const bytes = this.#raw.subarray(0, this.#chunkLeft);
        this.#take(bytes);
        this.#raw = this.#raw.subarray(bytes.length);
        this.#chunkLeft -= bytes.length;
        if (this.#chunkLeft === 0) this.#chunkLeft = -2;
        continue;
      }
      const end = this.#raw.indexOf("\r\n");
      // A size line with extensions has no business to be longer than this.
      if (end < 0) return this.#raw.length <= 4096;
      const line = this.#raw.toString("latin1", 0, end);
      this.#raw = this.#raw.subarray(end + 2);
      if (this.#chunkLeft === -2) {
        if (line !== "") return false;
        this.#chunkLeft = -1;
        continue;
      }
      const size = /^([0-9a-fA-F]{1,8})[\t ]*(?:;.*)?$/.exec(line)?.[1];
      if (size === undefined) return false;
      this.#chunkLeft = Number.parseInt(size, 16);
      if (this.#chunkLeft === 0) this.#isComplete = true; // trailers do not matter to a check
    }
    return true;
  }
}

/** The status code, 100..999, or undefined where this is no status line (RFC 9112 §4; the reason may be absent). */
function parseStatusLine(line: string): number | undefined {
  const match = /^HTTP\/1\.[01] ([1-9][0-9][0-9])(?: .*)?$/.exec(line);
  return match === null ? undefined : Number(match[1]);
}

/** How the body ends, or what is wrong with the fields. RFC 9112 §6.3; what is ambiguous is refused. */
function framingOf(fields: readonly string[]): Framing | string {
  let bytes: number | undefined;
  let isChunked = false;
  for (const field of fields) {
    if (field.startsWith(" ") || field.startsWith("\t")) continue; // obs-fold continues a value we may not need
    const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*:[ \t]*(.*?)[ \t]*$/.exec(field);
    if (match === null) return `broken header field ${quoted(field)}`;
    const [, name = "", value = ""] = match;
    if (name.toLowerCase() === "content-length") {
      if (!/^[0-9]{1,15}$/.test(value) || (bytes !== undefined && bytes !== Number(value)))
        return `broken Content-Length ${quoted(value)}`;
      bytes = Number(value);
    } else if (name.toLowerCase() === "transfer-encoding") {
      if (value.toLowerCase() !== "chunked" || isChunked) return `unknown Transfer-Encoding ${quoted(value)}`;
      isChunked = true;
    }
  }
  if (isChunked) return bytes === undefined ? { kind: "chunked" } : "both Content-Length and Transfer-Encoding";
  return bytes === undefined ? { kind: "close" } : { kind: "length", bytes };
}

/** Says at once that a peer does not speak HTTP, instead of waiting for a head that will not come. */
function looksWrong(head: Buffer): Verdict | undefined {
  const start = head.toString("latin1", 0, Math.min(head.length, 7));
  return "HTTP/1.".startsWith(start)
    ? undefined
    : bad(`not an HTTP response: ${quoted(head.toString("latin1", 0, 40))}`);
}

/** `200-299, 304` */
function rangesText(ranges: ResponseExpectation["status"]): string {
  return ranges.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(", ");
}

/** Printable and short: it ends up on terminals. */
function quoted(text: string): string {
  // oxlint-disable-next-line no-control-regex
  const printable = text.replace(/[\u0000-\u001f\u007f-\u00a0]/g, ".");
  return `"${printable.length > 40 ? `${printable.slice(0, 40)}…` : printable}"`;
}

function isIn(ranges: readonly StatusRange[], status: number): boolean {
  return ranges.some(({ from, to }) => status >= from && status <= to);
}

function good(evidence: string, asksDrain: boolean): Verdict {
  return asksDrain ? { isOk: true, asksDrain, evidence } : { isOk: true, evidence };
}

function bad(evidence: string): Verdict {
  return { isOk: false, evidence };
}

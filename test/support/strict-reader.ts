/**
 * Slow and plain readers of HTTP/1 messages, written without a line of the balancer's own parser, so that they can
 * judge it: what an origin was sent must be readable in exactly one way, and what a client got is shown as it came.
 */

export interface SeenHeader {
  readonly name: string;
  readonly value: string;
}

export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly headers: readonly SeenHeader[];
  readonly framing: "none" | "length" | "chunked";
  readonly body: Buffer;
  readonly trailers: readonly SeenHeader[];
  readonly complete: boolean;
  /** The exact bytes, as far as they came. */
  readonly raw: Buffer;
}

export interface SeenResponse {
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly SeenHeader[];
  readonly body: Buffer;
  readonly trailers: readonly SeenHeader[];
  /** False: the framing promised more than came, or the connection's end cut the message short. */
  readonly complete: boolean;
  readonly framing: "none" | "length" | "chunked" | "close";
}

/** Value of the one field of that name; all of them joined by ", " where there are more, undefined without any. */
export function headerOf(message: { readonly headers: readonly SeenHeader[] }, name: string): string | undefined {
  const values = message.headers.filter((one) => one.name.toLowerCase() === name.toLowerCase()).map((one) => one.value);
  return values.length === 0 ? undefined : values.join(", ");
}

/** Thrown when bytes could be read in more than one way, or in none. */
export class AmbiguousError extends Error {}

/**
 * Every request in the bytes, the last one perhaps incomplete.
 * @throws AmbiguousError for whatever two origins might read differently.
 */
export function readRequests(bytes: Buffer): readonly SeenRequest[] {
  const requests: SeenRequest[] = [];
  let at = 0;
  while (at < bytes.length) {
    const headEnd = bytes.indexOf("\r\n\r\n", at);
    if (headEnd < 0) break;
    const head = readHead(bytes.subarray(at, headEnd + 2));
    const [method, target, version] = requestLine(head.first);
    const framing = strictFraming(head.headers);
    const body = readBody(bytes, headEnd + 4, framing);
    requests.push({
      method,
      target,
      version,
      headers: head.headers,
      framing: framing.kind,
      body: body.body,
      trailers: body.trailers,
      complete: body.complete,
      raw: bytes.subarray(at, body.end),
    });
    if (!body.complete) break;
    at = body.end;
  }
  return requests;
}

type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" };

interface Body {
  readonly body: Buffer;
  readonly trailers: readonly SeenHeader[];
  readonly complete: boolean;
  readonly end: number;
}

function readHead(head: Buffer): {
  readonly first: string;
  readonly headers: readonly SeenHeader[];
} {
  const lines = head.toString("latin1").split("\r\n");
  lines.pop();
  const first = lines.shift() ?? "";
  if (/[\r\n\0]/.test(first)) throw new AmbiguousError(`control byte in the first line: ${JSON.stringify(first)}`);
  return { first, headers: lines.map(readField) };
}

function readField(line: string): SeenHeader {
  const found = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*)$/s.exec(line);
  if (found === null) throw new AmbiguousError(`not "name: value": ${JSON.stringify(line)}`);
  const value = (found[2] ?? "").replace(/[ \t]+$/, "");
  // oxlint-disable-next-line no-control-regex -- control bytes are what is looked for
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value))
    throw new AmbiguousError(`control byte in a value: ${JSON.stringify(line)}`);
  const name = found[1] ?? "";
  // A tab in these lines is how Transfer-Encoding and Content-Length are hidden from one of two readers.
  if (
    /^(?:content-length|transfer-encoding|host)$/i.test(name) &&
    line !== `${name}: ${value}` &&
    line !== `${name}:${value}`
  ) {
    throw new AmbiguousError(`more than one space around the value of ${name}: ${JSON.stringify(line)}`);
  }
  return { name, value };
}

function requestLine(line: string): [string, string, string] {
  const found = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) (HTTP\/1\.[01])$/.exec(line);
  if (found === null) throw new AmbiguousError(`request line: ${JSON.stringify(line)}`);
  return [found[1] ?? "", found[2] ?? "", found[3] ?? ""];
}

function strictFraming(headers: readonly SeenHeader[]): Framing {
  const named = (name: string): readonly SeenHeader[] => headers.filter((one) => one.name.toLowerCase() === name);
  const lengths = named("content-length");
  const codings = named("transfer-encoding");
  if (named("host").length > 1) throw new AmbiguousError("two Host fields");
  if (lengths.length + codings.length > 1) throw new AmbiguousError("more than one framing field");
  const coding = codings[0];
  if (coding !== undefined) {
    if (coding.value.toLowerCase() !== "chunked")
      throw new AmbiguousError(`Transfer-Encoding: ${JSON.stringify(coding.value)}`);
    return { kind: "chunked" };
  }
  const length = lengths[0];
  if (length === undefined) return { kind: "none" };
  if (!/^\d{1,15}$/.test(length.value)) throw new AmbiguousError(`Content-Length: ${JSON.stringify(length.value)}`);
  return { kind: "length", length: Number(length.value) };
}

function readBody(bytes: Buffer, start: number, framing: Framing): Body {
  switch (framing.kind) {
    case "none":
      return { body: Buffer.alloc(0), trailers: [], complete: true, end: start };
    case "length": {
      const end = Math.min(bytes.length, start + framing.length);
      return {
        body: bytes.subarray(start, end),
        trailers: [],
        complete: end === start + framing.length,
        end,
      };
    }
    case "chunked":
      return readChunked(bytes, start);
  }
}

function readChunked(bytes: Buffer, start: number): Body {
  const parts: Buffer[] = [];
  let at = start;
  const incomplete = (): Body => ({
    body: Buffer.concat(parts),
    trailers: [],
    complete: false,
    end: bytes.length,
  });
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return incomplete();
    const line = bytes.toString("latin1", at, lineEnd);
    // What two readers could see differently in a chunk extension is refused; the balancer sends none at all.
    const found = /^([0-9a-fA-F]{1,12})(;[!-~ \t]*)?$/.exec(line);
    if (found === null) throw new AmbiguousError(`chunk size line: ${JSON.stringify(line)}`);
    const size = Number.parseInt(found[1] ?? "", 16);
    at = lineEnd + 2;
    if (size === 0) break;
    parts.push(bytes.subarray(at, at + size));
    if (at + size + 2 > bytes.length) return incomplete();
    if (bytes.toString("latin1", at + size, at + size + 2) !== "\r\n")
      throw new AmbiguousError("no CRLF after chunk data");
    at += size + 2;
  }
  const trailers: SeenHeader[] = [];
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return incomplete();
    const line = bytes.toString("latin1", at, lineEnd);
    at = lineEnd + 2;
    if (line === "") return { body: Buffer.concat(parts), trailers, complete: true, end: at };
    trailers.push(readField(line));
  }
}

/**
 * Every response in the bytes, informational ones included.
 * @param options.methods of the requests in order: HEAD has no body; `ended`: no more bytes will come
 * @throws AmbiguousError where the bytes are no strict HTTP/1.1 responses
 */
export function readResponses(
  bytes: Buffer,
  options: { readonly methods: readonly string[]; readonly ended: boolean },
): readonly SeenResponse[] {
  const responses: SeenResponse[] = [];
  let at = 0;
  let answered = 0;
  while (at < bytes.length) {
    const headEnd = bytes.indexOf("\r\n\r\n", at);
    if (headEnd < 0) break;
    const head = readHead(bytes.subarray(at, headEnd + 2));
    const found = /^(HTTP\/1\.[01]) ([1-5]\d\d) ?(.*)$/.exec(head.first);
    if (found === null) throw new AmbiguousError(`status line: ${JSON.stringify(head.first)}`);
    const status = Number(found[2]);
    const common = {
      version: found[1] ?? "",
      status,
      reason: found[3] ?? "",
      headers: head.headers,
    };
    const method = options.methods[answered] ?? "GET";
    if (status === 101) {
      // Everything behind it belongs to the other protocol.
      const body = bytes.subarray(headEnd + 4);
      responses.push({ ...common, body, trailers: [], complete: options.ended, framing: "close" });
      return responses;
    }
    if (status < 200 || status === 204 || status === 304 || method === "HEAD") {
      responses.push({
        ...common,
        body: Buffer.alloc(0),
        trailers: [],
        complete: true,
        framing: "none",
      });
      at = headEnd + 4;
      if (status >= 200) answered += 1;
      continue;
    }
    const framing = strictFraming(head.headers);
    if (framing.kind === "none") {
      const body = bytes.subarray(headEnd + 4);
      responses.push({ ...common, body, trailers: [], complete: options.ended, framing: "close" });
      return responses;
    }
    const body = readBody(bytes, headEnd + 4, framing);
    responses.push({
      ...common,
      body: body.body,
      trailers: body.trailers,
      complete: body.complete,
      framing: framing.kind,
    });
    if (!body.complete) return responses;
    at = body.end;
    answered += 1;
  }
  return responses;
}

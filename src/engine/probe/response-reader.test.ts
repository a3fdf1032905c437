import { describe, expect, test } from "bun:test";
import { type ResponseExpectation, ResponseReader, type Verdict } from "./response-reader.ts";

const ok2xx = [{ from: 200, to: 299 }];

interface Row {
  readonly name: string;
  readonly method?: string;
  readonly status?: ResponseExpectation["status"];
  readonly body?: string;
  readonly drain?: ResponseExpectation["drain"];
  /** What the endpoint sends before its FIN. */
  readonly bytes: string;
  /** `ok …`, `drain …` or `bad …` */
  readonly verdict: string;
}

const rows: readonly Row[] = [
  {
    name: "a status in the range is enough",
    bytes: "HTTP/1.1 204 No Content\r\n\r\n",
    verdict: "ok status 204",
  },
  {
    name: "a status that asks for DRAIN",
    drain: { status: [{ from: 404, to: 404 }] },
    bytes: "HTTP/1.1 404 x\r\n\r\n",
    verdict: "drain status 404",
  },
  {
    name: "it comes before the expected status",
    drain: { status: [{ from: 200, to: 299 }] },
    bytes: "HTTP/1.1 204 x\r\n\r\n",
    verdict: "drain status 204",
  },
  {
    name: "status and text that ask for DRAIN",
    drain: { status: [{ from: 503, to: 503 }], body: "DISABLED" },
    bytes: "HTTP/1.1 503 x\r\nContent-Length: 16\r\n\r\nDISABLED BY FILE",
    verdict: 'drain status 503, body has "DISABLED"',
  },
  {
    name: "without the text the status is judged as ever",
    drain: { status: [{ from: 503, to: 503 }], body: "DISABLED" },
    bytes: "HTTP/1.1 503 x\r\nContent-Length: 3\r\n\r\nill",
    verdict: "bad status 503, expected 200-299",
  },
  {
    name: "without the text of DRAIN the expected text decides",
    drain: { status: [{ from: 200, to: 200 }], body: "leaving" },
    body: "well",
    bytes: "HTTP/1.1 200 x\r\nContent-Length: 7\r\n\r\nis well",
    verdict: 'ok status 200, body has "well"',
  },
  {
    name: "neither text",
    drain: { status: [{ from: 200, to: 200 }], body: "leaving" },
    body: "well",
    bytes: "HTTP/1.1 200 x\r\nContent-Length: 4\r\n\r\nhmmm",
    verdict: 'bad body lacks "well"',
  },
  {
    name: "a body that is cut before the text of DRAIN",
    drain: { status: [{ from: 503, to: 503 }], body: "DISABLED" },
    bytes: "HTTP/1.1 503 x\r\nContent-Length: 16\r\n\r\nDISA",
    verdict: "bad connection closed inside the body",
  },
  { name: "the first of the range", bytes: "HTTP/1.1 200\r\n\r\n", verdict: "ok status 200" },
  { name: "the last of the range", bytes: "HTTP/1.0 299 x\r\n\r\n", verdict: "ok status 299" },
  {
    name: "one past the range",
    bytes: "HTTP/1.1 300 x\r\n\r\n",
    verdict: "bad status 300, expected 200-299",
  },
  {
    name: "several ranges are named",
    status: [
      { from: 200, to: 204 },
      { from: 401, to: 401 },
    ],
    bytes: "HTTP/1.1 503 x\r\n\r\n",
    verdict: "bad status 503, expected 200-204, 401",
  },
  {
    name: "a single status can be expected",
    status: [{ from: 401, to: 401 }],
    bytes: "HTTP/1.1 401 x\r\n\r\n",
    verdict: "ok status 401",
  },
  {
    name: "interim responses are passed over",
    bytes: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    verdict: "ok status 200",
  },
  {
    name: "101 was not asked for",
    bytes: "HTTP/1.1 101 x\r\n\r\n",
    verdict: "bad status 101 without having asked for an upgrade",
  },
  { name: "nothing at all", bytes: "", verdict: "bad connection closed before the response head" },
  {
    name: "half a head",
    bytes: "HTTP/1.1 200 OK\r\nA: b\r\n",
    verdict: "bad connection closed inside the response head",
  },
  {
    name: "another protocol",
    bytes: "SSH-2.0-OpenSSH_9.2\r\n",
    verdict: "bad not an HTTP response",
  },
  {
    name: "a status line with a broken code",
    bytes: "HTTP/1.1 20 OK\r\n\r\n",
    verdict: 'bad not an HTTP response: "HTTP/1.1 20 OK"',
  },
  {
    name: "a field without a colon",
    bytes: "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
    verdict: 'bad broken header field "nonsense"',
  },
  {
    name: "folded fields are old but legal",
    bytes: "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
    verdict: "ok status 200",
  },
  {
    name: "length and chunked together",
    bytes: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    verdict: "bad both Content-Length and Transfer-Encoding",
  },
  {
    name: "two lengths that differ",
    bytes: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    verdict: 'bad broken Content-Length "2"',
  },
  {
    name: "two lengths that agree",
    bytes: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    verdict: "ok status 200",
  },
  {
    name: "a transfer coding we cannot read",
    bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    verdict: 'bad unknown Transfer-Encoding "gzip, chunked"',
  },
  {
    name: "text in a body with a length",
    body: "OK",
    bytes: "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nit's OK",
    verdict: 'ok status 200, body has "OK"',
  },
  {
    name: "no text in a body with a length",
    body: "OK",
    bytes: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nit'sO",
    verdict: 'bad body lacks "OK"',
  },
  {
    name: "text only behind the length does not count",
    body: "OK",
    bytes: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxOK",
    verdict: 'bad body lacks "OK"',
  },
  {
    name: "an empty body",
    body: "OK",
    bytes: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    verdict: 'bad body lacks "OK"',
  },
  {
    name: "text over two chunks",
    body: "ready",
    bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nrea\r\n2\r\ndy\r\n0\r\n\r\n",
    verdict: 'ok status 200, body has "ready"',
  },
  {
    name: "no text in chunks",
    body: "ready",
    bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nrea\r\n0\r\n\r\n",
    verdict: 'bad body lacks "ready"',
  },
  {
    name: "a broken chunk size",
    body: "ready",
    bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    verdict: "bad broken chunked framing in the body",
  },
  {
    name: "a chunk longer than its size",
    body: "ready",
    bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n",
    verdict: "bad broken chunked framing in the body",
  },
  {
    name: "a body cut short",
    body: "OK",
    bytes: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
    verdict: "bad connection closed inside the body",
  },
  {
    name: "text before the cut is enough",
    body: "OK",
    bytes: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nOK",
    verdict: 'ok status 200, body has "OK"',
  },
  {
    name: "text in a body until the end of the connection",
    body: "OK",
    bytes: "HTTP/1.0 200 OK\r\n\r\nall OK",
    verdict: 'ok status 200, body has "OK"',
  },
  {
    name: "no text until the end of the connection",
    body: "OK",
    bytes: "HTTP/1.0 200 OK\r\n\r\nall",
    verdict: 'bad body lacks "OK"',
  },
  {
    name: "HEAD has no body to search",
    method: "HEAD",
    body: "OK",
    bytes: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
    verdict: 'bad body lacks "OK"',
  },
  {
    name: "text in the last bytes of the first 64 KiB",
    body: "OK",
    bytes: `HTTP/1.1 200 OK\r\n\r\n${"x".repeat(65_534)}OK`,
    verdict: 'ok status 200, body has "OK"',
  },
  {
    name: "text one byte later is not seen",
    body: "OK",
    bytes: `HTTP/1.1 200 OK\r\n\r\n${"x".repeat(65_535)}OK`,
    verdict: 'bad body lacks "OK"',
  },
  {
    name: "a head without an end",
    bytes: `HTTP/1.1 200 OK\r\nA: ${"x".repeat(65_536)}`,
    verdict: "bad no end of the response head in 64 KiB",
  },
];

describe("response reader", () => {
  for (const row of rows) {
    test(row.name, () => {
      const bytes = Buffer.from(row.bytes, "latin1");
      expectVerdict(read(row, [bytes]), row.verdict);
      for (let split = 1; split < Math.min(bytes.length, 200); split++) {
        expectVerdict(read(row, [bytes.subarray(0, split), bytes.subarray(split)]), row.verdict);
      }
      // Byte by byte only where a rope of 64 KiB does not make it slow.
      if (bytes.length < 1000)
        expectVerdict(
          read(
            row,
            [...bytes].map((byte) => Buffer.of(byte)),
          ),
          row.verdict,
        );
    });
  }
});

function read(row: Row, pieces: readonly Uint8Array[]): Verdict {
  const expectation = { method: row.method ?? "GET", status: row.status ?? ok2xx };
  const reader = new ResponseReader({
    ...expectation,
    ...(row.body === undefined ? {} : { body: row.body }),
    ...(row.drain === undefined ? {} : { drain: row.drain }),
  });
  for (const piece of pieces) {
    const verdict = reader.push(piece);
    if (verdict !== undefined) return verdict;
  }
  return reader.end();
}

/** Evidence that quotes the peer depends on how much of it had come. */
function expectVerdict(verdict: Verdict, expected: string): void {
  const kind = verdict.asksDrain === true ? "drain" : verdict.isOk ? "ok" : "bad";
  const text = `${kind} ${verdict.evidence}`;
  expect(expected === "bad not an HTTP response" ? text.split(":")[0] : text).toBe(expected);
}

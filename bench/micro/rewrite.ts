/** Writing a head for the other side: in runs of kept lines, against one line after the other. */
import { Column, columns, HeadParser } from "../../src/core/http1/head-parser.ts";
import { writeRequestHead } from "../../src/core/http1/request-writer.ts";
import { Persistence, Reframe, writeResponseHead } from "../../src/core/http1/response-writer.ts";
import { copyBytes, latin1 } from "../../src/lib/bytes.ts";
import { compare } from "./harness.ts";
import { limits, requests, response } from "./heads.ts";

const out = new Uint8Array(16_384);
const writing = {
  rules: {
    addsXForwarded: true,
    addsForwarded: false,
    addsRequestId: true,
    addsTraceContext: true,
    dropsUnderscores: true,
  },
  forwarded: {
    clientAddress: latin1("192.0.2.1"),
    block: latin1("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 8080\r\n"),
    element: latin1("for=192.0.2.1;proto=http"),
    protoLine: latin1("X-Forwarded-Proto: http\r\n"),
    portLine: latin1("X-Forwarded-Port: 8080\r\n"),
    localAuthority: latin1("192.0.2.9:8080"),
  },
  isTrusted: false,
  requestId: latin1("0123456789abcdef0123456789abcdef"),
  traceparent: latin1("00-0123456789abcdef0123456789abcdef-0123456789abcdef-00"),
  asksClose: false,
  isOpenEnded: false,
};

/** Every line for itself, nothing dropped or added: what copying alone costs that way. */
function lineByLine(head: HeadParser, bytes: Uint8Array): number {
  let at = copyBytes(out, 0, bytes, 0, head.fieldsStart);
  for (let cell = 0; cell < head.fieldCount * columns; cell += columns) {
    at = copyBytes(out, at, bytes, head.fields[cell + Column.Name]!, head.fields[cell + Column.LineEnd]!);
  }
  return at;
}

for (const [name, bytes] of Object.entries(requests)) {
  const head = new HeadParser(false, limits);
  head.feed(bytes, 0, bytes.length);
  compare(`request of a ${name}`, [
    { name: "runs, with all that is added", run: () => writeRequestHead(head, bytes, 0, out, 0, writing) },
    { name: "line by line, nothing added", run: () => lineByLine(head, bytes) },
  ]);
}

const head = new HeadParser(true, limits);
head.feed(response, 0, response.length);
compare("response", [
  {
    name: "runs, Connection dropped",
    run: () => writeResponseHead(head, response, 0, out, 0, Reframe.Keep, Persistence.Silent),
  },
  { name: "line by line, nothing dropped", run: () => lineByLine(head, response) },
]);

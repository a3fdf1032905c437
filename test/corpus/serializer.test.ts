import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fed, HeadParser } from "../../src/core/http1/head-parser.ts";
import { type RequestWriting, requestGrowthMax, writeRequestHead } from "../../src/core/http1/request-writer.ts";
import { Persistence, Reframe, responseGrowthMax, writeResponseHead } from "../../src/core/http1/response-writer.ts";
import { type CorpusCase, bytesBehind, readCases, valuesOf } from "../support/case-file.ts";
import { traceLimits } from "../support/trace.ts";
import { bytesOf, showWire } from "../support/wire.ts";

/** `UPDATE_CORPUS=1 bin/bun test test/corpus` writes the expected bytes anew: then read the diff. */
const isUpdate = process.env["UPDATE_CORPUS"] === "1";

const reframes: Readonly<Record<string, Reframe>> = { chunked: Reframe.ToChunked, close: Reframe.ToClose };
const persistences: Readonly<Record<string, Persistence>> = {
  close: Persistence.Close,
  "keep-alive": Persistence.KeepAlive,
  upgrade: Persistence.Upgrade,
};

const tables = [
  { file: "serializer-requests.txt", write: writtenRequest },
  { file: "serializer-responses.txt", write: writtenResponse },
] as const;

for (const { file, write } of tables) {
  const path = join(import.meta.dir, file);
  if (isUpdate) updateWritten(path, readCases(path), write);
  describe(file, () => {
    for (const one of readCases(path)) {
      test(one.name, () => {
        const written = write(one);
        expect(showWire(written)).toBe(showWire(bytesBehind(one, "=")));
      });
    }
  });
}

function parsed(bytes: Buffer, isResponse: boolean): HeadParser {
  const parser = new HeadParser(isResponse, traceLimits);
  const fed = parser.feed(bytes, 0, bytes.length);
  if (fed !== Fed.Done) throw new Error(`the head is not accepted: ${fed}, refusal ${parser.refusal}`);
  return parser;
}

/** A client at 192.0.2.7 on a listener at 198.51.100.1:8080. */
function writtenRequest(one: CorpusCase): Buffer {
  const bytes = bytesBehind(one, ">");
  const options = new Set(valuesOf(one, "with").flatMap((value) => value.split(" ")));
  const adds = !options.has("nothing");
  const writing: RequestWriting = {
    rules: {
      addsXForwarded: adds,
      addsForwarded: options.has("forwarded"),
      addsRequestId: adds,
      addsTraceContext: adds,
      dropsUnderscores: !options.has("underscores"),
    },
    forwarded: {
      clientAddress: bytesOf("192.0.2.7"),
      block: bytesOf("X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 8080\r\n"),
      element: bytesOf("for=192.0.2.7;proto=http"),
      protoLine: bytesOf("X-Forwarded-Proto: http\r\n"),
      portLine: bytesOf("X-Forwarded-Port: 8080\r\n"),
      localAuthority: bytesOf("198.51.100.1:8080"),
    },
    isTrusted: options.has("trusted"),
    requestId: bytesOf("0123456789abcdef0123456789abcdef"),
    traceparent: bytesOf("00-11111111111111111111111111111111-2222222222222222-00"),
    asksClose: options.has("close"),
    isOpenEnded: false,
  };
  const out = Buffer.alloc(bytes.length * 2 + requestGrowthMax);
  const end = writeRequestHead(parsed(bytes, false), bytes, 0, out, 0, writing);
  return out.subarray(0, end);
}

function writtenResponse(one: CorpusCase): Buffer {
  const bytes = bytesBehind(one, "<");
  const reframe = reframes[valuesOf(one, "reframe")[0] ?? ""] ?? Reframe.Keep;
  const persistence = persistences[valuesOf(one, "persistence")[0] ?? ""] ?? Persistence.Silent;
  const out = Buffer.alloc(bytes.length + responseGrowthMax);
  const end = writeResponseHead(parsed(bytes, true), bytes, 0, out, 0, reframe, persistence);
  return out.subarray(0, end);
}

function updateWritten(path: string, cases: readonly CorpusCase[], write: (one: CorpusCase) => Buffer): void {
  const out: string[] = [];
  const lines = readFileSync(path, "utf8").split("\n");
  for (const [index, line] of lines.entries()) {
    if (line.startsWith("=")) continue;
    const isCaseOver = line.startsWith("## ") || index === lines.length - 1;
    const before = cases.findLast((one) => one.line < index + 1);
    if (isCaseOver && before !== undefined) {
      while (out.at(-1) === "") out.pop();
      const text = showWire(write(before), 100_000).split("\\r\\n");
      out.push(
        ...text.slice(0, -1).map((written) => (written === "" ? "=" : `= ${written.replace(/ $/, "\\x20")}`)),
        "",
      );
    }
    if (line !== "" || out.at(-1) !== "") out.push(line);
  }
  writeFileSync(path, `${out.join("\n").trimEnd()}\n`);
}

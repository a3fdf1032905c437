import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CorpusCase, bytesBehind, readCases, valuesOf } from "../support/case-file.ts";
import { type TraceOptions, byteByByte, everySplit, trace } from "../support/trace.ts";

/** `UPDATE_CORPUS=1 bin/bun test test/corpus` writes the traces anew: then read the diff. */
const isUpdate = process.env["UPDATE_CORPUS"] === "1";

const tables = [
  { file: "parser-requests.txt", mark: ">", kind: "request" },
  { file: "chunked.txt", mark: ">", kind: "request" },
  { file: "parser-responses.txt", mark: "<", kind: "response" },
] as const;

for (const { file, mark, kind } of tables) {
  const path = join(import.meta.dir, file);
  const cases = readCases(path);
  if (isUpdate) updateTraces(path, cases, (one) => trace([bytesBehind(one, mark)], { kind }));
  describe(file, () => {
    for (const one of readCases(path)) {
      test(one.name, () => {
        const bytes = bytesBehind(one, mark);
        expect(trace([bytes], { kind })).toEqual([...valuesOf(one, "trace")]);
        expectSameHoweverCut(bytes, { kind });
      });
    }
  });
}

// The hostile inputs again, at the speed of a function call: whatever the verdict is, it may not depend on segments.
for (const { file, mark, kind } of [
  { file: "hostile-requests.txt", mark: ">", kind: "request" },
  { file: "hostile-responses.txt", mark: "<", kind: "response" },
] as const) {
  describe(`${file} as function calls`, () => {
    for (const one of readCases(join(import.meta.dir, file))) {
      test(one.name, () => expectSameHoweverCut(bytesBehind(one, mark).subarray(0, 20_000), { kind }));
    }
  });
}

function expectSameHoweverCut(bytes: Buffer, options: TraceOptions): void {
  const whole = trace([bytes], options);
  for (const pieces of everySplit(bytes)) expectSame(whole, trace(pieces, options), pieces);
  expectSame(whole, trace(byteByByte(bytes), options), "byte by byte");
}

function expectSame(whole: readonly string[], cut: readonly string[], how: readonly Uint8Array[] | string): void {
  if (isSameVerdict(whole, cut)) return;
  const where = typeof how === "string" ? how : `cut at ${how[0]?.length}`;
  throw new Error(`${where}:\n  whole: ${JSON.stringify(whole)}\n  cut:   ${JSON.stringify(cut)}`);
}

/**
 * The same events. Two differences are allowed, because nobody outside can use them: which of several faults of a line
 * is named (the status is the same), and when: in a line that never ends, a wrong byte is noticed at once when the line
 * came whole, and with its end when it came in pieces (only new bytes are searched, and only for the end).
 */
function isSameVerdict(whole: readonly string[], cut: readonly string[]): boolean {
  const last = whole.at(-1) ?? "";
  const cutLast = cut.at(-1) ?? "";
  if (whole.slice(0, -1).join("\n") !== cut.slice(0, -1).join("\n")) return false;
  if (last === cutLast) return true;
  if (!last.startsWith("refused ")) return false;
  return cutLast === "more (head)" || statusIn(last) === statusIn(cutLast);
}

function statusIn(event: string): string | undefined {
  return /^refused \S+ \((\d+)\)$/.exec(event)?.[1];
}

function updateTraces(
  path: string,
  cases: readonly CorpusCase[],
  traceOf: (one: CorpusCase) => readonly string[],
): void {
  const lines = readFileSync(path, "utf8").split("\n");
  const out: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.startsWith("trace: ")) continue;
    const isCaseOver = line.startsWith("## ") || index === lines.length - 1;
    const before = cases.findLast((one) => one.line < index + 1);
    if (isCaseOver && before !== undefined) {
      while (out.at(-1) === "") out.pop();
      out.push(...traceOf(before).map((event) => `trace: ${event}`), "");
    }
    if (line !== "" || out.at(-1) !== "") out.push(line);
  }
  writeFileSync(path, `${out.join("\n").trimEnd()}\n`);
}

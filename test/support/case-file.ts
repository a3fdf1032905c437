import { readFileSync } from "node:fs";
import { decodeWire } from "./wire.ts";

/** One case of a corpus file, still without meaning: test/corpus/README.md describes the format. */
export interface CorpusCase {
  /** The sentence behind `##`; unique within the file. */
  readonly name: string;
  /** Line of the `##`, from 1. */
  readonly line: number;
  /** Wire blocks by their mark (`>` from the client, `<` from the origin, …), in order. */
  readonly blocks: readonly WireBlock[];
  /** `key: value` lines in order; a key may come more than once. */
  readonly fields: readonly CaseField[];
}

/** Neighbouring lines with the same mark. A `!` line stands alone: it is an act, not bytes. */
export interface WireBlock {
  readonly mark: string;
  readonly bytes: Buffer;
  readonly act?: string;
}

export interface CaseField {
  readonly key: string;
  readonly value: string;
}

const wireLine = /^([<>=|])( ?)(.*)$/;
const actLine = /^([<>])! (.+)$/;
const fieldLine = /^([a-z][a-z ]*): ?(.*)$/;

/** @throws Error with file and line where the file breaks its own format */
export function readCases(path: string): readonly CorpusCase[] {
  const cases: (CorpusCase & { blocks: WireBlock[]; fields: CaseField[] })[] = [];
  const names = new Set<string>();
  for (const [index, line] of readFileSync(path, "utf8").split("\n").entries()) {
    const fail = (why: string): never => {
      throw new Error(`${path}:${index + 1}: ${why}: ${line}`);
    };
    if (line.startsWith("## ")) {
      const name = line.slice(3).trim();
      if (names.has(name)) fail("this name is there already");
      names.add(name);
      cases.push({ name, line: index + 1, blocks: [], fields: [] });
      continue;
    }
    const current = cases.at(-1);
    if (line.trim() === "" || line.startsWith("# ") || line === "#" || current === undefined) continue;
    const act = actLine.exec(line);
    const wire = wireLine.exec(line);
    const field = fieldLine.exec(line);
    if (act !== null) current.blocks.push({ mark: act[1] ?? "", bytes: Buffer.alloc(0), act: act[2] ?? "" });
    else if (wire !== null) addWire(current.blocks, wire[1] ?? "", wire[3] ?? "");
    else if (field !== null) current.fields.push({ key: field[1] ?? "", value: field[2] ?? "" });
    else fail("neither wire bytes, an act nor a field");
  }
  return cases;
}

/** A wire line stands for its bytes and CRLF; a single backslash at its end takes the CRLF away. */
function addWire(blocks: WireBlock[], mark: string, text: string): void {
  const isOpen = /(^|[^\\])(\\\\)*\\$/.test(text);
  const bytes = isOpen ? decodeWire(text.slice(0, -1)) : Buffer.concat([decodeWire(text), Buffer.from("\r\n")]);
  const last = blocks.at(-1);
  if (last !== undefined && last.mark === mark && last.act === undefined) {
    blocks[blocks.length - 1] = { mark, bytes: Buffer.concat([last.bytes, bytes]) };
  } else {
    blocks.push({ mark, bytes });
  }
}

/** The values of a field that may come several times. */
export function valuesOf(one: CorpusCase, key: string): readonly string[] {
  return one.fields.filter((field) => field.key === key).map((field) => field.value);
}

/** All bytes behind one mark. */
export function bytesBehind(one: CorpusCase, mark: string): Buffer {
  return Buffer.concat(one.blocks.filter((block) => block.mark === mark).map((block) => block.bytes));
}

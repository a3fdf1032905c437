import { LineCounter, isAlias, isMap, isNode, isScalar, isSeq, parseDocument } from "yaml";
import type { Document, ParsedNode, YAMLMap, YAMLParseError } from "yaml";
import { IssueCode } from "../../model/issue.ts";

/**
 * A configuration file as a plain value that can say where in the text each part of it stands. Aliases and merge keys
 * (`<<`) are resolved, with bounds; keys are always text.
 */
export interface SourceDocument {
  readonly value: unknown;
  /** What is wrong with the YAML itself. Where `isTree` is false the value means nothing. */
  readonly problems: readonly SourceProblem[];
  readonly isTree: boolean;
  /** Where the value at `path` stands, or with `part: "key"` its key; for what is not there, the nearest thing above. */
  position(path: readonly PropertyKey[], part: "key" | "value"): Position;
}

export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface SourceProblem extends Position {
  readonly code: typeof IssueCode.Syntax | typeof IssueCode.DuplicateKey | typeof IssueCode.BadValue;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly hint?: string;
}

/** Values after aliases are resolved: 16 384 endpoints with all their keys are below 200 000. */
const valuesMax = 1_000_000;
const depthMax = 64;
const problemsMax = 100;
const tooDeep = "the file is nested too deeply";

/** Reads YAML 1.2; never throws. */
export function readDocument(text: string): SourceDocument {
  const lines = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const failed = (problems: readonly SourceProblem[]): SourceDocument => ({
    value: undefined,
    problems,
    isTree: false,
    position: () => ({ line: 1, column: 1 }),
  });
  let document: Document.Parsed;
  try {
    // Unique keys are checked below: the library compares every pair of keys, which takes minutes for 100 000 of them.
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  } catch (error) {
    // The library's parser is recursive; the stack ends somewhere above 1 000 levels.
    if (!(error instanceof RangeError)) throw error;
    return failed([{ code: IssueCode.Syntax, path: [], message: tooDeep, line: 1, column: 1 }]);
  }
  if (document.errors.length > 0) return failed(syntaxProblems(document.errors, text, at));
  const reader = new Reader(at);
  const value = reader.read(document.contents, []);
  return {
    value,
    problems: reader.problems,
    isTree: reader.isTree,
    position: (path, part) => at(locate(document.contents, reader.anchors, path, part)),
  };
}

/** One mistake often makes the parser stumble several times: of each line, the first complaint counts. */
function syntaxProblems(
  errors: readonly YAMLParseError[],
  text: string,
  at: (offset: number) => Position,
): SourceProblem[] {
  const byLine = new Map<number, SourceProblem>();
  for (const { code, message, pos } of errors) {
    const place = at(pos[0]);
    if (byLine.has(place.line) || byLine.size === problemsMax) continue;
    byLine.set(place.line, {
      code: IssueCode.Syntax,
      path: [],
      ...explain(code, message, text, pos[0]),
      ...place,
    });
  }
  return [...byLine.values()];
}

function explain(code: string, message: string, text: string, offset: number): { message: string; hint?: string } {
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1).split("\n", 1)[0] ?? "";
  const wild = /(?:^|[\s[,:-])(\*:[0-9]+|\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]:[0-9]+)/.exec(line)?.[1];
  if (wild !== undefined && !line.includes(`"${wild}`))
    return {
      message: "an address that begins with * or [ means something else in YAML",
      hint: `with quotes: "${wild}"`,
    };
  if (message.includes("call stack")) return { message: tooDeep };
  if (code === "TAB_AS_INDENT" || /^\s*\t/.test(line))
    return { message: "tabs cannot indent in YAML", hint: "use spaces" };
  if (code === "MULTIPLE_DOCS") return { message: "a second document begins here; a configuration is one document" };
  const first = message.split("\n", 1)[0] ?? message;
  return { message: `not well-formed YAML: ${first.replace(/ at line \d+.*$/, "")}` };
}

/** Turns nodes into values. A class for its running counts; lives for one document. */
class Reader {
  readonly problems: SourceProblem[] = [];
  /** Kept here, because `alias.resolve()` of the library walks the whole document each time. */
  readonly anchors = new Map<string, unknown>();
  /** False once a part of the value is not what its writer meant. */
  isTree = true;
  #isExhausted = false;
  readonly #at: (offset: number) => Position;
  #values = 0;

  constructor(at: (offset: number) => Position) {
    this.#at = at;
  }

  read(node: unknown, path: readonly PropertyKey[]): unknown {
    if (this.#isExhausted) return undefined;
    if (++this.#values > valuesMax || path.length > depthMax) {
      this.#isExhausted = true;
      this.isTree = false;
      const what =
        path.length > depthMax
          ? `nested more than ${depthMax} levels deep, or an alias holds itself`
          : `more than ${valuesMax} values, aliases resolved`;
      this.#problem(IssueCode.Syntax, node, path.slice(0, 8), what);
      return undefined;
    }
    if (isAlias(node)) {
      if (this.anchors.has(node.source)) return this.read(this.anchors.get(node.source), path);
      this.isTree = false;
      const text = `*${node.source}`;
      const hint = `for text that begins with *, use quotes: "${text}"`;
      this.#problem(IssueCode.Syntax, node, path, `the alias ${text} has no anchor &${node.source} before it`, hint);
      return undefined;
    }
    if (isNode(node) && node.anchor !== undefined) this.#anchor(node.anchor, node, path);
    if (isScalar(node)) {
      const { value } = node;
      return typeof value === "bigint" ? Number(value) : value;
    }
    if (isSeq(node)) return node.items.map((item, index) => this.read(item, [...path, index]));
    if (isMap(node)) return this.#map(node, path);
    return null;
  }

  #anchor(name: string, node: unknown, path: readonly PropertyKey[]): void {
    // YAML lets a later anchor take over a name; then what an alias means depends on where one reads it.
    if (this.anchors.has(name) && this.anchors.get(name) !== node)
      this.#problem(IssueCode.BadValue, node, path, `the anchor &${name} is defined twice`);
    this.anchors.set(name, node);
  }

  #map(map: YAMLMap, path: readonly PropertyKey[]): Record<string, unknown> {
    // Without a prototype no key can be mistaken for something inherited.
    const own: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    const merged: unknown[] = [];
    for (const { key, value } of map.items) {
      const name = keyText(key);
      if (name === undefined || name === "__proto__") {
        this.#problem(
          IssueCode.BadValue,
          key ?? map,
          path,
          name === undefined ? "a key must be text" : "this key is reserved",
        );
        continue;
      }
      if (name === "<<" && isPlain(key)) {
        merged.push(...this.#merge(value, path));
        continue;
      }
      if (name in own)
        this.#problem(IssueCode.DuplicateKey, key, [...path, name], `the key ${name} stands here twice in one map`);
      else own[name] = this.read(value, [...path, name]);
    }
    // The map's own keys win over merged ones, earlier merged ones over later ones.
    for (const source of merged) {
      for (const [name, value] of Object.entries(source as Record<string, unknown>))
        if (!(name in own)) own[name] = value;
    }
    return own;
  }

  #merge(node: unknown, path: readonly PropertyKey[]): unknown[] {
    const value = this.read(node, path);
    const sources = Array.isArray(value) ? value : [value];
    if (sources.every((source) => typeof source === "object" && source !== null && !Array.isArray(source)))
      return sources;
    if (!this.#isExhausted)
      this.#problem(IssueCode.BadValue, node, path, "<< needs a map, an alias of one, or a list of them");
    return [];
  }

  #problem(
    code: SourceProblem["code"],
    node: unknown,
    path: readonly PropertyKey[],
    message: string,
    hint?: string,
  ): void {
    if (this.problems.length === problemsMax) return;
    const problem = { code, path, message, ...this.#at(offsetOf(node) ?? 0) };
    this.problems.push(hint === undefined ? problem : { ...problem, hint });
  }
}

function isPlain(key: unknown): boolean {
  return isScalar(key) && (key.type === "PLAIN" || key.type === undefined);
}

function keyText(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  const { value } = key;
  if (typeof value === "string") return value;
  // `1:` and `true:` are names to their writer; the source keeps how they were written (010, 1e3).
  return typeof value === "number" || typeof value === "boolean" || typeof value === "bigint"
    ? (key.source ?? String(value))
    : undefined;
}

function offsetOf(node: unknown): number | undefined {
  return typeof node === "object" && node !== null && "range" in node
    ? ((node as ParsedNode).range?.[0] ?? undefined)
    : undefined;
}

type Anchors = ReadonlyMap<string, unknown>;

function followAlias(node: unknown, anchors: Anchors): unknown {
  return isAlias(node) ? anchors.get(node.source) : node;
}

function locate(root: unknown, anchors: Anchors, path: readonly PropertyKey[], part: "key" | "value"): number {
  let node = root;
  let offset = offsetOf(node) ?? 0;
  for (const [depth, segment] of path.entries()) {
    node = followAlias(node, anchors);
    if (isSeq(node)) {
      node = node.items[Number(segment)];
    } else if (isMap(node)) {
      const pair = findPair(node, anchors, String(segment), 0);
      if (pair === undefined) return offset;
      const keyOffset = offsetOf(pair.key);
      if (depth === path.length - 1 && part === "key") return keyOffset ?? offset;
      offset = keyOffset ?? offset;
      node = pair.value;
    } else {
      return offset;
    }
    // An empty value (`limits:`) has a place of its own behind the colon, which helps nobody: its key's stays.
    if (!(isScalar(node) && node.value === null && node.source === "")) offset = offsetOf(node) ?? offset;
  }
  return offset;
}

function findPair(
  map: YAMLMap,
  anchors: Anchors,
  name: string,
  depth: number,
): { readonly key: unknown; readonly value: unknown } | undefined {
  const own = map.items.find(({ key }) => keyText(key) === name);
  if (own !== undefined || depth > depthMax) return own;
  for (const { key, value } of map.items) {
    if (keyText(key) !== "<<") continue;
    const target = followAlias(value, anchors);
    for (const source of isSeq(target) ? target.items : [target]) {
      const merged = followAlias(source, anchors);
      const pair = isMap(merged) ? findPair(merged, anchors, name, depth + 1) : undefined;
      if (pair !== undefined) return pair;
    }
  }
  return undefined;
}

/**
 * A reader for the plain part of YAML that nearly every configuration keeps to: block maps and lists, flow collections on
 * one line, plain and quoted scalars without escapes, comments. Whatever else it meets — an anchor, a block scalar, a key
 * that stands twice, a tab, anything malformed — it gives up and says `undefined`; the full parser (`document.ts`) then
 * decides. So it never has to report anything, and it keeps no positions.
 *
 * Why it exists: 1 000 pools with 10 endpoints take the `yaml` package 690–790 ms and this reader 25–40 ms (2 cores,
 * Bun 1.4.5), and a configuration is read at every start and reload. A test compares the two on generated documents.
 */
export function readPlainYaml(text: string): unknown {
  const lines: Line[] = [];
  let from = 0;
  while (from <= text.length) {
    let end = text.indexOf("\n", from);
    if (end < 0) end = text.length;
    const line = splitLine(text.slice(from, end));
    if (line === undefined) return undefined;
    if (line.text !== "") lines.push(line);
    from = end + 1;
  }
  if (lines.length === 0) return undefined;
  const reader = new BlockReader(lines);
  const value = reader.block(0, 0);
  return reader.isDone ? value : undefined;
}

interface Line {
  readonly indent: number;
  /** Without indentation and without a comment that is the whole line. */
  readonly text: string;
}

// What a YAML stream may not hold, or what ends a line for some readers, is the full parser's business.
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const oddSigns = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/;

const blank: Line = { indent: 0, text: "" };
const depthMax = 32;

function splitLine(line: string): Line | undefined {
  let indent = 0;
  while (line.charCodeAt(indent) === 0x20) indent++;
  const first = line.charCodeAt(indent);
  // NaN at the end of the line; `#`: only comments may hold more than ASCII here.
  if (Number.isNaN(first)) return blank;
  if (first === 0x23) return oddSigns.test(line) ? undefined : blank;
  if (!/^[\x20-\x7e]*$/.test(line)) return undefined;
  if (indent === 0 && (line.startsWith("---") || line.startsWith("...") || first === 0x25)) return undefined;
  return { indent, text: line.slice(indent) };
}

const noValue = Symbol("no value");
type Maybe = unknown;

/** Reads lines by recursive descent; after a refusal `isDone` stays false and the result means nothing. */
class BlockReader {
  readonly #lines: readonly Line[];
  #next = 0;
  #isRefused = false;

  constructor(lines: readonly Line[]) {
    this.#lines = lines;
  }

  get isDone(): boolean {
    return !this.#isRefused && this.#next === this.#lines.length;
  }

  /** The map or list whose first line is the next one; `indent` is the least that it may have. */
  block(indent: number, depth: number): unknown {
    const line = this.#lines[this.#next];
    if (line === undefined || line.indent < indent || depth > depthMax) return this.#refuse();
    return isItem(line.text) ? this.#list(line.indent, depth) : this.#map(line.indent, depth, undefined);
  }

  #refuse(): undefined {
    this.#isRefused = true;
    return undefined;
  }

  #list(indent: number, depth: number): unknown {
    const list: unknown[] = [];
    for (;;) {
      const line = this.#lines[this.#next];
      if (line === undefined || line.indent < indent) return list;
      if (line.indent !== indent) return this.#refuse();
      // At the indentation of its key, a list ends where the next key stands.
      if (!isItem(line.text)) return list;
      const item = /^- +(.*)$/.exec(line.text)?.[1];
      if (item === undefined || item.startsWith("#")) return this.#refuse();
      const entry = splitEntry(item);
      this.#next++;
      // `- name: a` begins a map whose keys stand where `name` stands.
      if (entry !== undefined) list.push(this.#map(indent + line.text.length - item.length, depth + 1, entry));
      else list.push(this.#scalar(item, indent));
      if (this.#isRefused) return undefined;
    }
  }

  /** `first` is the entry that shares its line with a list's dash. */
  #map(indent: number, depth: number, first: Entry | undefined): unknown {
    const map: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    let entry = first;
    for (;;) {
      if (entry === undefined) {
        const line = this.#lines[this.#next];
        if (line === undefined || line.indent < indent) return map;
        if (line.indent !== indent) return this.#refuse();
        entry = splitEntry(line.text);
        if (entry === undefined) return first !== undefined && isItem(line.text) ? map : this.#refuse();
        this.#next++;
      }
      if (entry.key in map || entry.key === "__proto__") return this.#refuse();
      map[entry.key] = entry.rest === "" ? this.#below(indent, depth) : this.#scalar(entry.rest, indent);
      if (this.#isRefused) return undefined;
      entry = undefined;
    }
  }

  /** What stands below `key:` — a deeper block, a list at the key's own indentation, or nothing. */
  #below(indent: number, depth: number): unknown {
    const line = this.#lines[this.#next];
    if (line === undefined || line.indent < indent) return null;
    if (line.indent > indent) return this.block(indent + 1, depth + 1);
    return isItem(line.text) ? this.#list(indent, depth + 1) : null;
  }

  /** A value on its key's line. A deeper line behind it would continue a plain scalar: refused. */
  #scalar(text: string, indent: number): Maybe {
    const next = this.#lines[this.#next];
    if (next !== undefined && next.indent > indent) return this.#refuse();
    const inline = new InlineReader(text);
    const value = inline.whole();
    return value === noValue ? this.#refuse() : value;
  }
}

function isItem(text: string): boolean {
  return text === "-" || text.startsWith("- ");
}

interface Entry {
  readonly key: string;
  /** Empty where nothing or a comment stands behind the colon. */
  readonly rest: string;
}

function splitEntry(text: string): Entry | undefined {
  const match = /^(?:([A-Za-z_][A-Za-z0-9_./-]{0,255})|"([^"\\]{1,255})"|'([^']{1,255})'):(?: +(.*))?$/.exec(text);
  if (match === null) return undefined;
  const [, plain, double, single, rest = ""] = match;
  // Words that are no text to YAML keep their own spelling as keys; rare enough to leave them to the full parser.
  if (plain !== undefined && notText.test(plain)) return undefined;
  return { key: plain ?? double ?? single ?? "", rest: rest.startsWith("#") ? "" : rest };
}

const notText = /^(?:null|true|false)$/i;
const plainInFlow = /[A-Za-z0-9_./][A-Za-z0-9_./%+:@=-]*/y;
const flowKey = /(?:([A-Za-z_][A-Za-z0-9_./-]{0,255})|"([^"\\]{1,255})"|'([^']{1,255})'): +/y;
const quoted = /"([^"\\]*)"|'([^']*)'(?!')/y;
const spaces = / */y;

/** Reads a value that stands on one line. `noValue` where it is not plain enough. */
class InlineReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Maybe {
    const value = this.#value(0);
    if (value === noValue) return noValue;
    const rest = this.#text.slice(this.#at);
    return rest === "" || /^ +(#.*)?$/.test(rest) ? value : noValue;
  }

  #value(depth: number): Maybe {
    if (depth > depthMax) return noValue;
    const first = this.#text[this.#at];
    if (first === "{") return this.#flowMap(depth);
    if (first === "[") return this.#flowList(depth);
    if (first === '"' || first === "'") {
      const match = this.#match(quoted);
      return match === undefined ? noValue : (match[1] ?? match[2] ?? noValue);
    }
    const match = this.#match(plainInFlow);
    return match === undefined || match[0].endsWith(":") ? noValue : resolvePlain(match[0]);
  }

  #flowMap(depth: number): Maybe {
    const map: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    this.#at++;
    this.#match(spaces);
    if (this.#take("}")) return map;
    for (;;) {
      const match = this.#match(flowKey);
      const key = match?.[1] ?? match?.[2] ?? match?.[3];
      if (key === undefined || (match?.[1] !== undefined && notText.test(key)) || key in map || key === "__proto__")
        return noValue;
      const value = this.#value(depth + 1);
      if (value === noValue) return noValue;
      map[key] = value;
      this.#match(spaces);
      if (this.#take("}")) return map;
      if (!this.#take(",")) return noValue;
      this.#match(spaces);
    }
  }

  #flowList(depth: number): Maybe {
    const list: unknown[] = [];
    this.#at++;
    this.#match(spaces);
    if (this.#take("]")) return list;
    for (;;) {
      const value = this.#value(depth + 1);
      if (value === noValue) return noValue;
      list.push(value);
      this.#match(spaces);
      if (this.#take("]")) return list;
      if (!this.#take(",")) return noValue;
      this.#match(spaces);
    }
  }

  #take(sign: string): boolean {
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }
}

/** The core schema of YAML 1.2 (§10.3.2), as far as the characters of plain scalars here can go. */
function resolvePlain(text: string): Maybe {
  const first = text.charCodeAt(0);
  if ((first >= 0x30 && first <= 0x39) || first === 0x2e) {
    if (/^[0-9]{1,15}$/.test(text)) return Number(text);
    // Floats, long integers, 0x and 0o, .inf and .nan: seldom meant, so not read here.
    return /^(?:[0-9]+|0[xo][0-9a-fA-F]+|[0-9]*\.?[0-9]*(?:[eE][-+]?[0-9]+)?|\.(?:inf|nan))$/i.test(text)
      ? noValue
      : text;
  }
  if (!notText.test(text)) return text;
  if (text === "true" || text === "false") return text === "true";
  return text === "null" ? null : noValue;
}

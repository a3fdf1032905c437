import * as z from "zod";
import { keyDocs, typeDocs } from "./describe.ts";
import type { KeyDoc, TypeDoc } from "./describe.ts";
import { later } from "./later.ts";
import { configSchema } from "./schema.ts";
import { alternatives, defaultOf, elementOf, isRecord, shapeOf, typeDocOf } from "./schema-walk.ts";
import type { AnySchema } from "./schema-walk.ts";

/** The JSON Schema and the reference manual, both made from the schema that `check` uses. */

/** For editors: coarser than the program (units are checked, ranges of units and references are not). */
export function jsonSchemaText(): string {
  const schema = z.toJSONSchema(configSchema, {
    io: "input",
    override: ({ zodSchema, jsonSchema }) => {
      const text = keyDocs.get(zodSchema)?.text;
      const pattern = typeDocs.get(zodSchema)?.pattern;
      const value = defaultOf(zodSchema);
      if (text !== undefined) jsonSchema.description = text;
      if (pattern !== undefined) jsonSchema.pattern = pattern;
      if (value !== undefined) jsonSchema.default = value as NonNullable<typeof jsonSchema.default>;
    },
  });
  const { $schema, ...rest } = schema;
  return `${JSON.stringify({ $schema, title: "Weichensteller configuration", ...rest }, undefined, 2)}\n`;
}

/** One key of the configuration as the manual shows it. */
export interface ManualEntry {
  /** With `*` for names and `[]` for places in a list. */
  readonly path: string;
  readonly name: string;
  /** The path of the map that it stands in; empty at the top. */
  readonly context: string;
  readonly doc: KeyDoc;
  readonly syntax: string;
  readonly limits?: string | undefined;
  readonly fallback: string;
  readonly example: string;
}

/** Every key in the order of the schema; throws where one has no documentation, type or example. */
export function manualEntries(): readonly ManualEntry[] {
  return entriesOf(configSchema, "");
}

function entriesOf(map: AnySchema, context: string): ManualEntry[] {
  return Object.entries(shapeOf(map) ?? {}).flatMap(([name, schema]) => {
    const path = context === "" ? name : `${context}.${name}`;
    const doc = keyDocs.get(schema);
    if (doc === undefined) throw new Error(`the key ${path} is not documented`);
    const type = typeDocOf(schema) ?? listDocOf(schema);
    if (type === undefined) throw new Error(`the type of ${path} is not documented`);
    const entry = {
      path,
      name,
      context,
      doc,
      syntax: `${name}: ${type.name}`,
      limits: type.limits,
      fallback: fallbackOf(schema, doc),
      example: exampleOf(name, schema, doc),
    };
    return [entry, ...below(schema, path)];
  });
}

/** A list is described by what stands in it. */
function listDocOf(schema: AnySchema): TypeDoc | undefined {
  const element = alternatives(schema)
    .map(elementOf)
    .find((each) => each !== undefined);
  const inner = element === undefined ? undefined : typeDocOf(element);
  return inner === undefined ? undefined : { ...inner, name: `[ ${inner.name}, … ]` };
}

/** Keys inside of what a key holds: a map, a map of names, a list. */
function below(schema: AnySchema, path: string): ManualEntry[] {
  return alternatives(schema).flatMap((each) => {
    if (shapeOf(each) !== undefined) return entriesOf(each, path);
    const element = elementOf(each);
    return element === undefined ? [] : below(element, isRecord(each) ? `${path}.*` : `${path}[]`);
  });
}

function fallbackOf(schema: AnySchema, doc: KeyDoc): string {
  if (doc.without !== undefined) return doc.without;
  const value = defaultOf(schema);
  if (value === undefined) return "none: the key is required";
  return isEmptyMap(value) ? "the defaults of its keys" : `\`${inline(value)}\``;
}

function exampleOf(name: string, schema: AnySchema, doc: KeyDoc): string {
  if (doc.example !== undefined) return doc.example;
  const value = defaultOf(schema);
  if (value !== undefined && !isEmptyMap(value)) return `${name}: ${inline(value)}`;
  const first = alternatives(schema)
    .flatMap((each) => Object.entries(shapeOf(each) ?? {}))
    .find(([, inner]) => defaultOf(inner) !== undefined && !isEmptyMap(defaultOf(inner)));
  if (first !== undefined) return `${name}: { ${first[0]}: ${inline(defaultOf(first[1]))} }`;
  throw new Error(`the key ${name} has no example`);
}

function isEmptyMap(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

function inline(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(inline).join(", ")}]` : String(value);
}

const introduction = `# Configuration reference

Made from the schema by \`tools/generate.ts\`; do not edit. The same schema for editors:
[weichensteller.schema.json](weichensteller.schema.json) (first line of a file:
\`# yaml-language-server: $schema=…/weichensteller.schema.json\`).

A configuration is one YAML 1.2 file in UTF-8. Unknown keys are errors. \`weichensteller check -c FILE\` reports every
mistake at once, with line, column, what was expected and the nearest valid word; it exits 0 or 1, and \`--json\` prints
the same for programs. Examples: [minimal](../../examples/minimal.yaml), [every key with its
default](../../examples/full.yaml), [OpenStack Keystone](../../examples/openstack-keystone.yaml).

Values:

| type | form | units |
|---|---|---|
| duration | \`500ms\`, \`2s\`, \`1.5m\` | \`ms\`, \`s\`, \`m\`, \`h\` |
| size | \`512B\`, \`32KiB\` | \`B\`, \`KiB\`, \`MiB\`, \`GiB\` (powers of 1024) |
| byte rate | \`1KiB/s\` | a size and \`/s\` |
| rate | \`20/s\` | \`/s\` |
| share | \`20%\` | \`%\` |

Units are always written: a bare \`5\` is an error, \`0s\` is the way to say "none" where that is allowed. In paths, \`*\`
stands for a name of yours and \`[]\` for an entry of a list. What begins with \`*\`, \`[\` or \`{\` as text needs quotes.
Anchors (\`&name\`), aliases (\`*name\`) and merge keys (\`<<\`) work; an anchor may be defined once.
`;

/** Markdown; ends with a line feed. */
export function manualText(): string {
  const entries = manualEntries();
  const parts = [introduction, contents(entries), ...entries.map((entry) => entryText(entry)), laterText()];
  return `${parts.join("\n").trimEnd()}\n`;
}

function contents(entries: readonly ManualEntry[]): string {
  const lines = entries.map(
    ({ path, name }) =>
      `${"  ".repeat(path.split(".").filter((part) => part !== "*").length - 1)}- [\`${name}\`](#${slug(path)})`,
  );
  return `## Keys\n\n${lines.join("\n")}\n`;
}

function entryText({ path, context, doc, syntax, limits, fallback, example }: ManualEntry): string {
  const rows = [`- **Syntax:** \`${syntax}\``];
  if (limits !== undefined) rows.push(`- **Limits:** ${limits}`);
  rows.push(
    `- **Default:** ${fallback}`,
    `- **Context:** ${context === "" ? "the top of the file" : `\`${context}\``}`,
  );
  if (doc.see !== undefined)
    rows.push(`- **See also:** ${doc.see.map((other) => `[\`${other}\`](#${slug(other)})`).join(", ")}`);
  return `### \`${path}\`\n\n${doc.text}\n\n${rows.join("\n")}\n\n\`\`\`yaml\n${example}\n\`\`\`\n`;
}

/** As GitHub makes anchors of headings. */
function slug(path: string): string {
  return path.toLowerCase().replace(/[^a-z0-9_-]/g, "");
}

function laterText(): string {
  const rows = later.map(({ at, values, pattern, what }) => {
    const value = values?.map((word) => `\`${word}\``).join(", ") ?? (pattern === undefined ? "" : "with `*`");
    return `| \`${at}\` | ${value} | ${what} |`;
  });
  return `## Not in this version yet\n\nThese keys and values are refused with their own message.\n\n| key | value | what |\n|---|---|---|\n${rows.join("\n")}\n`;
}

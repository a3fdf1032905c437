import * as z from "zod";

/** What the reference manual says about a key, beside what the schema knows (type, limits, default). */
export interface KeyDoc {
  /** Sentences; Markdown. */
  readonly text: string;
  /** A line or block of YAML, relative to the section that the key stands in. */
  readonly example?: string;
  /** Paths of related keys, as in the manual's headings. */
  readonly see?: readonly string[];
  /** Where the schema has no default of its own: what happens without the key. */
  readonly without?: string;
}

/** What there is to know about a type of value. */
export interface TypeDoc {
  /** Short, for syntax lines. */
  readonly name: string;
  /** A noun phrase that finishes "expected …". */
  readonly form: string;
  readonly limits?: string;
  /** For the JSON Schema: a coarse check that editors can do; the program is stricter. */
  readonly pattern?: string;
  /** Units that a bare number lacks. */
  readonly units?: readonly string[];
  /** Words that are allowed. */
  readonly words?: readonly string[];
}

export const keyDocs = z.registry<KeyDoc>();
export const typeDocs = z.registry<TypeDoc>();

/** Documents `schema` as the value of one key. */
export function key<T extends z.ZodType>(schema: T, doc: KeyDoc): T {
  keyDocs.add(schema, doc);
  return schema;
}

/** Documents `schema` as a type of value. */
export function type<T extends z.ZodType>(schema: T, doc: TypeDoc): T {
  typeDocs.add(schema, doc);
  return schema;
}

/** A map with fixed keys; `form` finishes "expected …". */
export function section<T extends z.core.$ZodLooseShape>(form: string, shape: T) {
  return type(z.strictObject(shape, { error: form }), { name: "map", form });
}

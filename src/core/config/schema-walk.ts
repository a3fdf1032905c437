import type * as z from "zod";
import { printable } from "../../lib/printable.ts";
import { typeDocs } from "./describe.ts";
import type { TypeDoc } from "./describe.ts";

/**
 * Looking into a zod schema: for messages (which keys would have been valid here?) and for the reference manual. Only
 * the kinds of schema that the configuration uses are known.
 */
export type AnySchema = z.core.$ZodType;

/** What a schema accepts, with defaults, optionality and transforms taken off and unions spread out. */
export function alternatives(schema: AnySchema): readonly AnySchema[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "optional":
    case "default":
    case "prefault":
      return alternatives(def.innerType);
    case "pipe":
      return alternatives(def.in);
    case "union":
      return def.options.flatMap(alternatives);
    default:
      return [schema];
  }
}

/** Keys of a map with fixed keys, else undefined. */
export function shapeOf(schema: AnySchema): Readonly<Record<string, AnySchema>> | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === "object" ? def.shape : undefined;
}

/** What stands behind each key of a map of free names, or in each place of a list. */
export function elementOf(schema: AnySchema): AnySchema | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type === "record") return def.valueType;
  return def.type === "array" ? def.element : undefined;
}

/** Whether a schema is a map of free names. */
export function isRecord(schema: AnySchema): boolean {
  return (schema as z.core.$ZodTypes)._zod.def.type === "record";
}

/** Every schema that a value at `path` may follow; empty where nothing is allowed. */
export function schemasAt(root: AnySchema, path: readonly PropertyKey[]): readonly AnySchema[] {
  let found: readonly AnySchema[] = [root];
  for (const segment of path) {
    found = found.flatMap(alternatives).flatMap((schema) => {
      const shape = shapeOf(schema);
      const next = shape !== undefined && Object.hasOwn(shape, segment) ? shape[String(segment)] : elementOf(schema);
      return next === undefined ? [] : [next];
    });
  }
  return found;
}

/** The keys that a map at `path` may have. */
export function keysAt(root: AnySchema, path: readonly PropertyKey[]): readonly string[] {
  return schemasAt(root, path)
    .flatMap(alternatives)
    .flatMap((schema) => Object.keys(shapeOf(schema) ?? {}));
}

/** The documentation of the type of a schema: its own, or that of what it wraps. */
export function typeDocOf(schema: AnySchema): TypeDoc | undefined {
  const own = typeDocs.get(schema);
  if (own !== undefined) return own;
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "optional":
    case "default":
    case "prefault":
      return typeDocOf(def.innerType);
    case "pipe":
      return typeDocOf(def.in);
    default:
      return undefined;
  }
}

/** What is used where the key is absent, as it would be written; undefined where there is no default. */
export function defaultOf(schema: AnySchema): unknown {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === "default" || def.type === "prefault" ? def.defaultValue : undefined;
}

/** `listeners.api.routes[0].match`; safe to print, whatever the names are. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = "";
  for (const segment of path) {
    const name = printable(String(segment));
    if (typeof segment === "number") text += `[${name}]`;
    else text += text === "" ? name : `.${name}`;
  }
  return text;
}

import * as z from "zod";
import { printable } from "../../lib/printable.ts";
import { nearestWord } from "../../lib/nearest.ts";
import { IssueCode } from "../../model/issue.ts";
import { findLater } from "./later.ts";
import type { Later } from "./later.ts";
import { alternatives, keysAt, pathText, schemasAt, shapeOf, typeDocOf } from "./schema-walk.ts";
import type { AnySchema } from "./schema-walk.ts";

/** An issue whose place in the text is not yet looked up. */
export interface Finding {
  readonly severity: "error" | "warning";
  readonly code: IssueCode;
  readonly path: readonly PropertyKey[];
  /** Whether the key is to be pointed at, or its value. */
  readonly part: "key" | "value";
  readonly message: string;
  readonly hint?: string | undefined;
}

/** Puts what zod says into our words: one finding for each thing that the user has to change. */
export function explainSchemaIssues(schema: AnySchema, value: unknown, issues: readonly z.core.$ZodIssue[]): Finding[] {
  return issues.flatMap((issue) => explain({ schema, value }, issue, issue.path));
}

interface Root {
  readonly schema: AnySchema;
  readonly value: unknown;
}

function explain(root: Root, issue: z.core.$ZodIssue, path: readonly PropertyKey[]): Finding[] {
  const found = valueAt(root.value, path);
  if (issue.code === "unrecognized_keys") return issue.keys.map((name) => unknownKey(root, [...path, name]));
  const notYet = found === undefined ? undefined : findLater(path, found);
  if (notYet !== undefined) return [laterFinding(notYet, path, "value", wordOf(found))];
  if (found === undefined) return missingKey(root, path, issue.message);
  if (issue.code === "invalid_union") return explainUnion(root, issue, path, found);
  if (issue.code === "invalid_key") {
    // The name of a pool, listener or header field.
    const message = `expected ${issue.issues[0]?.message ?? issue.message}, found ${show(path.at(-1))}`;
    return [
      { severity: "error", code: IssueCode.BadValue, path, part: "key", message },
      ...behindBadName(root, path, found),
    ];
  }
  return [badValue(root, path, issue.message, found, hintOf(issue))];
}

/** zod does not look at what stands behind a name that it refuses. */
function behindBadName(root: Root, path: readonly PropertyKey[], value: unknown): Finding[] {
  return schemasAt(root.schema, path).flatMap((schema) => {
    const { error } = z.safeParse(schema, value);
    return (error?.issues ?? []).flatMap((issue) => explain(root, issue, [...path, ...issue.path]));
  });
}

/** A union fails with the complaints of every branch; the one that fits the kind of value is the one that was meant. */
function explainUnion(
  root: Root,
  issue: z.core.$ZodIssueInvalidUnion,
  path: readonly PropertyKey[],
  found: unknown,
): Finding[] {
  const fitting = issue.errors.filter(
    (branch) =>
      !branch.some((each) => each.path.length === 0 && (each.code === "invalid_type" || each.code === "invalid_value")),
  );
  const branch = fitting[0];
  if (branch === undefined) return [badValue(root, path, issue.message, found, undefined)];
  return branch.flatMap((each) => explain(root, each, [...path, ...each.path]));
}

function unknownKey(root: Root, path: readonly PropertyKey[]): Finding {
  const name = String(path.at(-1));
  const above = path.slice(0, -1);
  const notYet = findLater(path, valueAt(root.value, path));
  if (notYet !== undefined) return laterFinding(notYet, path, "key", name);
  const keys = keysAt(root.schema, above);
  const near = nearestWord(name, keys);
  const where = above.length === 0 ? "at the top" : `in ${pathText(above)}`;
  const hint =
    near === undefined ? (elsewhere(root, above, name) ?? `known here: ${keys.join(", ")}`) : `did you mean ${near}?`;
  return {
    severity: "error",
    code: IssueCode.UnknownKey,
    path,
    part: "key",
    message: `there is no key ${show(name)} ${where}`,
    hint,
  };
}

/** A key that is right one level further down (`connect` beside `timeouts`) is told so. */
function elsewhere(root: Root, above: readonly PropertyKey[], name: string): string | undefined {
  for (const schema of schemasAt(root.schema, above).flatMap(alternatives)) {
    for (const [section, inner] of Object.entries(shapeOf(schema) ?? {})) {
      if (alternatives(inner).some((each) => Object.hasOwn(shapeOf(each) ?? {}, name)))
        return `it belongs in ${section}`;
    }
  }
  return undefined;
}

function laterFinding(entry: Later, path: readonly PropertyKey[], part: "key" | "value", name: string): Finding {
  return {
    severity: "error",
    code: IssueCode.NotYet,
    path,
    part,
    message: `not in this version yet: ${entry.what} (${name})`,
  };
}

/** What a value of a later version is called: itself, or the key of its map. */
function wordOf(value: unknown): string {
  return typeof value === "object" && value !== null ? printable(Object.keys(value).join(", ")) : show(value);
}

function missingKey(root: Root, path: readonly PropertyKey[], expected: string): Finding[] {
  const above = path.slice(0, -1);
  const map = valueAt(root.value, above);
  // `redirect` or `pol` instead of `pool` is one complaint, not two.
  const known = keysAt(root.schema, above);
  const isExplained = Object.entries(map ?? {}).some(
    ([name, value]) =>
      !known.includes(name) &&
      (findLater([...above, name], value) !== undefined || nearestWord(name, known) === path.at(-1)),
  );
  if (isExplained) return [];
  return [
    {
      severity: "error",
      code: IssueCode.MissingKey,
      path,
      part: "key",
      message: `the key ${String(path.at(-1))} is missing: expected ${expected}`,
    },
  ];
}

function badValue(
  root: Root,
  path: readonly PropertyKey[],
  expected: string,
  found: unknown,
  given: string | undefined,
): Finding {
  return {
    severity: "error",
    code: IssueCode.BadValue,
    path,
    part: "value",
    message: `expected ${expected}, found ${show(found)}`,
    hint: given ?? guess(root, path, found),
  };
}

function guess(root: Root, path: readonly PropertyKey[], found: unknown): string | undefined {
  const docs = schemasAt(root.schema, path)
    .flatMap((schema) => [schema, ...alternatives(schema)])
    .map(typeDocOf);
  if (typeof found === "number" || (typeof found === "string" && /^[0-9.]+$/.test(found))) {
    const units = docs.find((doc) => doc?.units !== undefined)?.units;
    if (units !== undefined) return `a number needs its unit: ${listOf(units.map((unit) => `${found}${unit}`))}`;
  }
  if (typeof found === "string") {
    const near = nearestWord(
      found,
      docs.flatMap((doc) => doc?.words ?? []),
    );
    if (near !== undefined) return `did you mean ${near}?`;
    const number = docs.some((doc) => doc?.name === "number") && /^-?[0-9]+$/.test(found);
    if (number) return `without quotes: ${found}`;
    if (/^(yes|on|true)$/i.test(found) && docs.some((doc) => doc?.name === "true | false")) return "did you mean true?";
    if (/^(no|off|false)$/i.test(found) && docs.some((doc) => doc?.name === "true | false"))
      return "did you mean false?";
  }
  if ((found === false || found === "no") && docs.some((doc) => doc?.name.endsWith("| off")))
    return "did you mean off?";
  return undefined;
}

function listOf(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

function hintOf(issue: z.core.$ZodIssue): string | undefined {
  const hint: unknown = issue.code === "custom" ? issue.params?.["hint"] : undefined;
  return typeof hint === "string" ? hint : undefined;
}

/** What stands at `path` in a plain value; undefined where the path leads nowhere. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value;
  for (const segment of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, segment)) return undefined;
    found = (found as Record<PropertyKey, unknown>)[segment];
  }
  return found;
}

const shownMax = 60;

/** A value as a message quotes it: one line, short, no control characters. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return Object.keys(value).length === 0 ? "an empty map" : "a map";
  const text = typeof value === "string" ? printable(JSON.stringify(value)) : String(value);
  return text.length <= shownMax ? text : `${text.slice(0, shownMax)}…`;
}

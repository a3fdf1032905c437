/** Source files as the rules see them: text, syntax tree and every import, whatever its form. */
import { readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { parseSync, visitorKeys } from "oxc-parser";

export const projectRoot = resolve(import.meta.dir, "../..");

/** A node of the ESTree that oxc-parser makes; fields differ per type, so they are read with care. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

export interface ImportSeen {
  /** As written: `../lib/bytes.ts`, `node:fs`, `zod`. */
  readonly target: string;
  /** True where nothing is left of it at run time. */
  readonly isType: boolean;
  readonly form: "import" | "re-export" | "dynamic" | "type" | "require";
  /** Imported names, where the form has any. */
  readonly names: readonly string[];
  readonly line: number;
}

export interface Source {
  /** Relative to the project, with `/`: `src/core/http1/request.ts`. */
  readonly path: string;
  readonly text: string;
  readonly program: Node;
  readonly imports: readonly ImportSeen[];
  /** Line of an offset, from 1. */
  readonly lineOf: (offset: number) => number;
}

/** Every TypeScript file of the project below the given folders, sorted. */
export function listSources(folders: readonly string[]): string[] {
  const glob = new Bun.Glob(`{${folders.join(",")}}/**/*.ts`);
  return [...glob.scanSync({ cwd: projectRoot })].filter((path) => !path.includes("node_modules")).sort();
}

export function readSource(path: string): Source {
  return parseSource(
    relative(projectRoot, resolve(projectRoot, path)),
    readFileSync(resolve(projectRoot, path), "utf8"),
  );
}

/** Throws when the text is no TypeScript: a file that cannot be read cannot be vouched for. */
export function parseSource(path: string, text: string): Source {
  const parsed = parseSync(path, text);
  const [error] = parsed.errors;
  if (error !== undefined) throw new Error(`${path}: ${error.message}`);
  const program = parsed.program as unknown as Node;
  const lineOf = lineFinder(text);
  return { path, text, program, lineOf, imports: importsOf(program, lineOf) };
}

/** Calls `visit` for every node, parents first; `parents` is the way from the program to the node. */
export function walk(node: Node, visit: (node: Node, parents: readonly Node[]) => void, parents: Node[] = []): void {
  visit(node, parents);
  parents.push(node);
  for (const key of visitorKeys[node.type] ?? []) {
    const child = node[key];
    if (Array.isArray(child)) {
      for (const one of child) if (isNode(one)) walk(one, visit, parents);
    } else if (isNode(child)) walk(child, visit, parents);
  }
  parents.pop();
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}

function lineFinder(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };
}

function importsOf(program: Node, lineOf: (offset: number) => number): ImportSeen[] {
  const found: ImportSeen[] = [];
  walk(program, (node) => {
    const seen = importOf(node);
    if (seen !== undefined) found.push({ ...seen, line: lineOf(node.start) });
  });
  return found;
}

function importOf(node: Node): Omit<ImportSeen, "line"> | undefined {
  const target = literalText(node["source"]);
  switch (node.type) {
    case "ImportDeclaration": {
      const specifiers = node["specifiers"] as readonly Node[];
      const isType =
        node["importKind"] === "type" ||
        (specifiers.length > 0 && specifiers.every((one) => one["importKind"] === "type"));
      return { target: target ?? "", isType, form: "import", names: specifiers.map(importedName) };
    }
    case "ExportAllDeclaration":
    case "ExportNamedDeclaration":
      if (target === undefined) return undefined;
      return { target, isType: node["exportKind"] === "type", form: "re-export", names: [] };
    case "ImportExpression":
      // A computed target could name anything, so it counts as one that no folder may import.
      return { target: target ?? "(computed)", isType: false, form: "dynamic", names: [] };
    case "TSImportType":
      return { target: target ?? "(computed)", isType: true, form: "type", names: [] };
    case "TSExternalModuleReference":
      return {
        target: literalText(node["expression"]) ?? "(computed)",
        isType: false,
        form: "require",
        names: [],
      };
    case "CallExpression": {
      const callee = node["callee"] as Node;
      if (callee.type !== "Identifier" || callee["name"] !== "require") return undefined;
      const [first] = node["arguments"] as readonly Node[];
      return {
        target: literalText(first) ?? "(computed)",
        isType: false,
        form: "require",
        names: [],
      };
    }
    default:
      return undefined;
  }
}

function importedName(specifier: Node): string {
  const imported = specifier["imported"];
  return isNode(imported)
    ? String(imported["name"] ?? imported["value"])
    : specifier.type === "ImportDefaultSpecifier"
      ? "default"
      : "*";
}

function literalText(node: unknown): string | undefined {
  return isNode(node) && node.type === "Literal" && typeof node["value"] === "string" ? node["value"] : undefined;
}

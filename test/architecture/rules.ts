/** The walls of the architecture (docs/ARCHITECTURE.md, "Layers") as functions from a source file to findings. */
import { posix } from "node:path";
import { type ImportSeen, isNode, type Node, type Source, walk } from "./source.ts";

export interface Finding {
  readonly rule: string;
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** A folder of src/ may import itself and those before it. */
export const layers = [
  "lib",
  "model",
  "core",
  "platform",
  "observe",
  "engine",
  "control",
  "profiles",
  "cli",
  "main",
] as const;

/** Packages of package.json, and where they may be used. The worker must start fast, so none is for everyone. */
export const packageHomes: Readonly<Record<string, readonly string[]>> = {
  zod: ["src/core/config/"],
  yaml: ["src/core/config/"],
  commander: ["src/cli/", "src/main/"],
  hono: ["src/control/"],
  "@hono/zod-openapi": ["src/control/"],
};

/** Names through which code reaches the outside world; nobody but the doors may say them. */
export const worldGlobals = new Set([
  ..."Bun process performance crypto fetch navigator globalThis global require eval Worker WebSocket".split(" "),
  ..."EventSource BroadcastChannel XMLHttpRequest localStorage".split(" "),
  ..."setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate queueMicrotask".split(" "),
]);

export const socketCalls = new Set(["listen", "connect", "udpSocket"]);
const socketModules = /^(node:)?(net|tls|http|https|http2|dgram)(\/|$)/;

export function allFindings(source: Source): Finding[] {
  return [
    ...importDirection(source),
    ...packageUse(source),
    ...worldAccess(source),
    ...socketDoors(source),
    ...timeless(source),
    ...plainSyntax(source),
    ...size(source),
    ...documented(source),
    ...vocabulary(source),
  ];
}

export function importDirection(source: Source): Finding[] {
  const own = layerOf(source.path);
  if (own === undefined) return [];
  const found: Finding[] = [];
  for (const seen of source.imports) {
    if (seen.target === "(computed)") {
      found.push(at(source, seen.line, "import-direction", "an import whose target is computed cannot be checked"));
      continue;
    }
    if (!seen.target.startsWith(".")) continue;
    const target = posix.normalize(posix.join(posix.dirname(source.path), seen.target));
    if (isTest(source) && target.startsWith("test/")) continue;
    // The version stands in one place.
    if (target === "package.json" && source.path.startsWith("src/main/")) continue;
    const other = layerOf(target);
    if (other === undefined || other > own) {
      const from = layers[own] ?? "?";
      found.push(at(source, seen.line, "import-direction", `${from} may not import ${target} (${describe(seen)})`));
    }
  }
  return found;
}

export function packageUse(source: Source): Finding[] {
  if (!source.path.startsWith("src/") || isTest(source)) return [];
  const found: Finding[] = [];
  for (const seen of source.imports) {
    if (seen.target.startsWith(".") || seen.target === "(computed)" || isBuiltin(seen.target)) continue;
    const homes = packageHomes[packageName(seen.target)] ?? [];
    if (!homes.some((home) => source.path.startsWith(home))) {
      found.push(at(source, seen.line, "package-use", `the package ${seen.target} may not be used here`));
    }
  }
  return found;
}

/** Clock, random, timers, environment, files, processes: only platform/ and main/, sockets only engine/net/. */
export function worldAccess(source: Source): Finding[] {
  if (!source.path.startsWith("src/") || isTest(source)) return [];
  const isDoor = ["src/platform/", "src/main/", "src/engine/net/"].some((door) => source.path.startsWith(door));
  if (isDoor) return [];
  const found: Finding[] = [];
  for (const seen of source.imports) {
    // Joining path names and taking arguments apart touches no system.
    if (/^node:(path|util)$/.test(seen.target) && !isPure(source)) continue;
    if (isBuiltin(seen.target))
      found.push(at(source, seen.line, "world-access", `${seen.target} is for platform/ and main/`));
  }
  walk(source.program, (node, parents) => {
    const name = outsideName(node, parents) ?? clockOrRandom(node);
    if (name !== undefined)
      found.push(at(source, source.lineOf(node.start), "world-access", `${name} is for platform/ and main/`));
  });
  return found;
}

export function socketDoors(source: Source): Finding[] {
  if (!source.path.startsWith("src/") || isTest(source) || source.path.startsWith("src/engine/net/")) return [];
  const found: Finding[] = [];
  for (const seen of source.imports) {
    const isSocketName = seen.target === "bun" && seen.names.some((name) => socketCalls.has(name));
    if (socketModules.test(seen.target) || isSocketName) {
      found.push(at(source, seen.line, "socket-door", `sockets (${seen.target}) are for engine/net/`));
    }
  }
  walk(source.program, (node) => {
    const call = bunMember(node);
    if (call !== undefined && socketCalls.has(call)) {
      found.push(at(source, source.lineOf(node.start), "socket-door", `Bun.${call} is for engine/net/`));
    }
  });
  return found;
}

/** core has no promises either: a decision is made in one go from what it was given. */
export function timeless(source: Source): Finding[] {
  if (!isPure(source) || isTest(source)) return [];
  const found: Finding[] = [];
  walk(source.program, (node, parents) => {
    const isAsync =
      node["async"] === true ||
      node.type === "AwaitExpression" ||
      (node.type === "ForOfStatement" && node["await"] === true);
    const isPromise = node.type === "Identifier" && node["name"] === "Promise" && !isPropertyName(node, parents);
    const isDate = node.type === "Identifier" && node["name"] === "Date" && !isPropertyName(node, parents);
    const isConsole = node.type === "Identifier" && node["name"] === "console" && !isPropertyName(node, parents);
    const what = isAsync ? "async" : isPromise ? "Promise" : isDate ? "Date" : isConsole ? "console" : undefined;
    if (what !== undefined)
      found.push(at(source, source.lineOf(node.start), "timeless", `${what} has no place in a pure folder`));
  });
  return found;
}

/** Only erasable TypeScript, named exports, no file that only passes on others' names, no inheritance but Error. */
export function plainSyntax(source: Source): Finding[] {
  if (!source.path.startsWith("src/")) return [];
  const found: Finding[] = [];
  walk(source.program, (node) => {
    const what = notPlain(node);
    if (what !== undefined) found.push(at(source, source.lineOf(node.start), "plain-syntax", what));
  });
  return found;
}

const fileLinesMax = 500;
const functionLinesMax = 70;

/** State machines that read better in one piece; the number is their own bound. */
const longFunctions: Readonly<Record<string, number>> = {
  "src/core/http1/chunked.ts#feed": 90,
};

export function size(source: Source): Finding[] {
  const found: Finding[] = [];
  const lines = source.lineOf(source.text.length);
  if (lines > fileLinesMax + 1) found.push(at(source, lines, "size", `${lines} lines, at most ${fileLinesMax}`));
  if (!/^(src|tools)\//.test(source.path) || isTest(source)) return found;
  walk(source.program, (node, parents) => {
    if (!isFunction(node)) return;
    const name = functionName(node, parents);
    const length = source.lineOf(node.end) - source.lineOf(node.start) + 1;
    const most = longFunctions[`${source.path}#${name}`] ?? functionLinesMax;
    if (length > most) {
      found.push(
        at(source, source.lineOf(node.start), "size", `function ${name} has ${length} lines, at most ${most}`),
      );
    }
  });
  return found;
}

/** What core exports as a function or class says what it is for. */
export function documented(source: Source): Finding[] {
  if (!source.path.startsWith("src/core/") || isTest(source)) return [];
  const found: Finding[] = [];
  for (const statement of source.program["body"] as readonly Node[]) {
    const declared = statement.type === "ExportNamedDeclaration" ? statement["declaration"] : undefined;
    if (!isNode(declared) || !/^(FunctionDeclaration|ClassDeclaration)$/.test(declared.type)) continue;
    if (!/\*\/\s*$/.test(source.text.slice(0, statement.start))) {
      const name = isNode(declared["id"]) ? String(declared["id"]["name"]) : "?";
      found.push(
        at(source, source.lineOf(statement.start), "documented", `${name} is exported without a word about it`),
      );
    }
  }
  return found;
}

/** Words for which the glossary has another one; naming another program's word for it is fine on a line that says so. */
const wrongWords =
  /\b(backends?|frontends?|upstream servers?|real servers?|virtual servers?|whitelist|blacklist|masters?|slaves?)\b/i;

export function vocabulary(source: Source): Finding[] {
  if (!source.path.startsWith("src/") || source.path.startsWith("src/profiles/") || isTest(source)) return [];
  const found: Finding[] = [];
  for (const [index, line] of source.text.split("\n").entries()) {
    const word = wrongWords.exec(line)?.[0];
    if (word === undefined || /HAProxy|nginx|keepalived|Pacemaker/.test(line)) continue;
    found.push(at(source, index + 1, "vocabulary", `"${word}": the glossary has another word`));
  }
  return found;
}

/** Files reachable from `entry` by imports that exist at run time, with the packages they load on the way. */
export function runtimeClosure(entry: string, read: (path: string) => Source): { files: string[]; packages: string[] } {
  const files = new Set([entry]);
  const packages = new Set<string>();
  for (const path of files) {
    for (const seen of read(path).imports) {
      if (seen.isType || seen.form === "dynamic") continue;
      if (seen.target.startsWith(".")) files.add(posix.normalize(posix.join(posix.dirname(path), seen.target)));
      else if (!isBuiltin(seen.target)) packages.add(packageName(seen.target));
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort() };
}

function layerOf(path: string): number | undefined {
  const [top, folder] = path.split("/");
  const index = top === "src" ? layers.indexOf(folder as (typeof layers)[number]) : -1;
  return index < 0 ? undefined : index;
}

function isTest(source: Source): boolean {
  return source.path.endsWith(".test.ts");
}

/** Folders that only compute: the same arguments give the same result, for ever. */
function isPure(source: Source): boolean {
  return /^src\/(core|lib|model)\//.test(source.path);
}

function isBuiltin(target: string): boolean {
  return (
    /^(node:|bun(:|$))/.test(target) ||
    socketModules.test(target) ||
    /^(fs|os|child_process|path|crypto|worker_threads)(\/|$)/.test(target)
  );
}

function packageName(target: string): string {
  return target
    .split("/")
    .slice(0, target.startsWith("@") ? 2 : 1)
    .join("/");
}

function outsideName(node: Node, parents: readonly Node[]): string | undefined {
  if (node.type !== "Identifier" || isPropertyName(node, parents)) return undefined;
  const name = String(node["name"]);
  return worldGlobals.has(name) && !isDeclared(name, parents) ? name : undefined;
}

/** Whether a parameter, variable, import, function or class of that name is in force at the end of the way `parents`. */
function isDeclared(name: string, parents: readonly Node[]): boolean {
  return parents.some((scope) => {
    const declared = [...listOf(scope["params"]), scope["param"], scope["init"], ...listOf(scope["body"])];
    return declared.some((one) => isNode(one) && declaresName(one, name));
  });
}

function declaresName(node: Node, name: string): boolean {
  switch (node.type) {
    case "Identifier":
      return node["name"] === name;
    case "VariableDeclaration":
      return listOf(node["declarations"]).some(
        (one) => isNode(one) && isNode(one["id"]) && declaresName(one["id"], name),
      );
    case "ImportDeclaration":
      return listOf(node["specifiers"]).some(
        (one) => isNode(one) && isNode(one["local"]) && one["local"]["name"] === name,
      );
    case "FunctionDeclaration":
    case "ClassDeclaration":
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
      return isNode(node["id"]) && node["id"]["name"] === name;
    default: {
      // Patterns, defaults, rest, and `export` around a declaration.
      const inner = [
        ...listOf(node["properties"]),
        ...listOf(node["elements"]),
        node["value"],
        node["left"],
        node["argument"],
      ];
      return [...inner, node["declaration"]].some((one) => isNode(one) && isPattern(one) && declaresName(one, name));
    }
  }
}

function isPattern(node: Node): boolean {
  return /Pattern$|^(Identifier|Property|RestElement|VariableDeclaration|FunctionDeclaration|ClassDeclaration)$/.test(
    node.type,
  );
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** `Date.now`, `new Date()` and `Math.random`; turning a given instant into a Date is no reading of the clock. */
function clockOrRandom(node: Node): string | undefined {
  if (node.type === "NewExpression") {
    const callee = node["callee"] as Node;
    const isNow = callee["name"] === "Date" && (node["arguments"] as readonly unknown[]).length === 0;
    return isNow ? "new Date()" : undefined;
  }
  if (node.type === "CallExpression") return (node["callee"] as Node)["name"] === "Date" ? "Date()" : undefined;
  const member =
    memberOf(node, "Date") === "now" ? "Date.now" : memberOf(node, "Math") === "random" ? "Math.random" : undefined;
  return member;
}

function bunMember(node: Node): string | undefined {
  return memberOf(node, "Bun");
}

/** `object.name`, `object["name"]` or one name of `const { name } = object`. */
function memberOf(node: Node, object: string): string | undefined {
  if (node.type === "MemberExpression") {
    if ((node["object"] as Node)["name"] !== object) return undefined;
    const property = node["property"] as Node;
    return String(property["name"] ?? property["value"]);
  }
  if (node.type !== "VariableDeclarator" || !isNode(node["init"]) || node["init"]["name"] !== object) return undefined;
  const pattern = node["id"] as Node;
  if (pattern.type !== "ObjectPattern") return undefined;
  const names = (pattern["properties"] as readonly Node[]).map((one) =>
    isNode(one["key"]) ? String(one["key"]["name"]) : "",
  );
  return names.find((name) => socketCalls.has(name) || name === "now" || name === "random");
}

/** Whether the identifier only labels something (`x.process`, `{ process: 1 }`, a field or a parameter's name in a type). */
function isPropertyName(node: Node, parents: readonly Node[]): boolean {
  const parent = parents.at(-1);
  if (parent === undefined) return false;
  switch (parent.type) {
    case "MemberExpression":
      return parent["property"] === node && parent["computed"] !== true;
    case "Property":
      return parent["key"] === node && parent["computed"] !== true && parent["shorthand"] !== true;
    case "PropertyDefinition":
    case "MethodDefinition":
    case "TSPropertySignature":
    case "TSMethodSignature":
      return parent["key"] === node && parent["computed"] !== true;
    case "TSQualifiedName":
      return parent["right"] === node;
    case "ImportSpecifier":
    case "ExportSpecifier":
      return true;
    default:
      return false;
  }
}

function notPlain(node: Node): string | undefined {
  switch (node.type) {
    case "TSEnumDeclaration":
      return "enum: use a const object and its type";
    case "TSModuleDeclaration":
      return "namespace";
    case "TSParameterProperty":
      return "parameter property";
    case "Decorator":
      return "decorator";
    case "ExportDefaultDeclaration":
      return "default export: exports have names";
    case "ExportAllDeclaration":
      return "export *: import from the file that has it";
    case "ExportNamedDeclaration":
      return isNode(node["source"]) ? "a re-export: import from the file that has it" : undefined;
    case "ClassDeclaration":
    case "ClassExpression": {
      const base = node["superClass"];
      const isError = isNode(base) && /Error$/.test(String(base["name"]));
      return isNode(base) && !isError ? "inheritance is for errors" : undefined;
    }
    default:
      return undefined;
  }
}

function isFunction(node: Node): boolean {
  return /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type);
}

function functionName(node: Node, parents: readonly Node[]): string {
  if (isNode(node["id"])) return String(node["id"]["name"]);
  const parent = parents.at(-1);
  const owner = parent?.["key"] ?? parent?.["id"];
  return isNode(owner) ? String(owner["name"]) : "(anonymous)";
}

function describe(seen: ImportSeen): string {
  return seen.isType ? `${seen.form}, type only` : seen.form;
}

function at(source: Source, line: number, rule: string, text: string): Finding {
  return { rule, path: source.path, line, text };
}

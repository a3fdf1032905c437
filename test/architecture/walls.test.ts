/** The walls hold for every file of src/, and each of them stops what it is there for. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { allFindings, type Finding, layers, runtimeClosure } from "./rules.ts";
import { listSources, parseSource, projectRoot, readSource } from "./source.ts";
import { wrongCode } from "./wrong-code.ts";

function show(findings: readonly Finding[]): string[] {
  return findings.map((one) => `${one.path}:${one.line} ${one.rule}: ${one.text}`);
}

describe("the project", () => {
  const paths = listSources(["src", "test", "tools", "bench"]);

  test("has sources to look at", () => {
    expect(paths.filter((path) => path.startsWith("src/")).length).toBeGreaterThan(3);
  });

  test("keeps to the walls", () => {
    expect(show(paths.flatMap((path) => allFindings(readSource(path))))).toEqual([]);
  });

  test("has no folder in src/ that has no place in the order of layers", () => {
    const folders = new Set(paths.filter((path) => path.startsWith("src/")).map((path) => path.split("/")[1]));
    expect([...folders].filter((folder) => !(layers as readonly string[]).includes(folder ?? ""))).toEqual([]);
  });

  const workerEntry = "src/main/worker.ts";
  test.skipIf(!existsSync(join(projectRoot, workerEntry)))("starts a worker without loading any package", () => {
    expect(runtimeClosure(workerEntry, readSource).packages).toEqual([]);
  });
});

describe("the walls stop", () => {
  test.each(wrongCode.map((row) => [row.name, row] as const))("%s", (_name, row) => {
    const rules = allFindings(parseSource(row.path, row.code)).map((finding) => finding.rule);
    expect(rules).toContain(row.rule);
  });
});

describe("the walls let pass", () => {
  test.each([
    [
      "core using lib and model",
      "src/core/http1/a.ts",
      `import { b } from "../../lib/b.ts"; import type { C } from "../../model/c.ts"; export const y: C = b;`,
    ],
    [
      "core/config using its libraries",
      "src/core/config/a.ts",
      `import { z } from "zod"; import { parseDocument } from "yaml"; export const y = [z, parseDocument];`,
    ],
    [
      "fields that are called like globals",
      "src/core/a.ts",
      `interface A { readonly process: number } export const y = (a: A) => ({ process: a.process, fetch: 1 });`,
    ],
    [
      "names of our own that hide a global",
      "src/engine/a.ts",
      `import type { Worker } from "./w.ts"; export const y = ({ process }: { process: number }, worker: Worker) => { const { crypto, x: [fetch] } = worker; return [process, crypto, fetch]; };`,
    ],
    [
      "control joining path names",
      "src/control/a.ts",
      `import { join } from "node:path"; export const y = join("a", "b");`,
    ],
    [
      "engine/net opening sockets",
      "src/engine/net/a.ts",
      `export const y = () => Bun.listen({ hostname: "::", port: 0, socket: { data() {} } });`,
    ],
    ["platform reading the clock", "src/platform/a.ts", `export const y = () => Date.now();`],
    [
      "observe writing a given time",
      "src/observe/a.ts",
      `export const y = (ms: number) => new Date(ms).toISOString();`,
    ],
    [
      "a unit test using what it likes",
      "src/core/a.test.ts",
      `import { test } from "bun:test"; import fc from "fast-check"; test("x", async () => { await fc; });`,
    ],
    ["an error of our own", "src/model/a.ts", `export class AppError extends Error {}`],
  ] as const)("%s", (_name, path, code) => {
    expect(show(allFindings(parseSource(path, code)))).toEqual([]);
  });

  test("a worker's entry that loads a package on the way is seen through type imports' absence", () => {
    const files: Record<string, string> = {
      "src/main/worker.ts": `import { a } from "../engine/a.ts"; import type { B } from "../core/config/b.ts"; export const y: B = a;`,
      "src/engine/a.ts": `import { c } from "../core/config/c.ts"; export const a = c;`,
      "src/core/config/b.ts": `import { z } from "zod"; export type B = typeof z;`,
      "src/core/config/c.ts": `import { parse } from "yaml"; export const c = parse;`,
    };
    const closure = runtimeClosure("src/main/worker.ts", (path) => parseSource(path, files[path] ?? ""));
    expect(closure.packages).toEqual(["yaml"]);
  });
});

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { later } from "../../src/core/config/later.ts";
import { jsonSchemaText, manualEntries, manualText } from "../../src/core/config/reference.ts";
import { endpointsMax, listenersMax } from "../../src/core/config/rules.ts";
import * as counters from "../../src/observe/counters.ts";

const folder = new URL("../../docs/reference/", import.meta.url);

describe("what is made from the schema is committed (bin/bun tools/generate.ts)", () => {
  test("weichensteller.schema.json", () => {
    expect(jsonSchemaText()).toBe(readFileSync(new URL("weichensteller.schema.json", folder), "utf8"));
  });
  test("configuration.md", () => {
    expect(manualText()).toBe(readFileSync(new URL("configuration.md", folder), "utf8"));
  });
});

describe("the manual", () => {
  const entries = manualEntries();
  const paths = new Set(entries.map(({ path }) => path));

  test("names each key once", () => expect(paths.size).toBe(entries.length));
  test("refers to keys that there are", () => {
    expect(entries.flatMap(({ doc }) => doc.see ?? []).filter((path) => !paths.has(path))).toEqual([]);
  });
  test("has examples that hold their key, in YAML", () => {
    const hasKey = (value: unknown, name: string): boolean =>
      typeof value === "object" &&
      value !== null &&
      (name in value || Object.values(value).some((inner) => hasKey(inner, name)));
    expect(entries.filter(({ name, example }) => !hasKey(parse(example), name)).map(({ path }) => path)).toEqual([]);
  });
  test("links to files that there are", () => {
    const links = [...manualText().matchAll(/\]\(([^)#]+)\)/g)].map(([, target = ""]) => target);
    expect(links.length).toBeGreaterThan(0);
    expect(links.filter((target) => !existsSync(new URL(target, folder)))).toEqual([]);
  });
  test("links to headings that there are", () => {
    const slugs = [...manualText().matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
      title
        .toLowerCase()
        .replace(/[^a-z0-9_ -]/g, "")
        .replaceAll(" ", "-"),
    );
    const targets = [...manualText().matchAll(/\]\(#([^)]+)\)/g)].map(([, target = ""]) => target);
    expect(targets.filter((target) => !slugs.includes(target))).toEqual([]);
    expect(new Set(slugs).size).toBe(slugs.length);
  });
  test("calls nothing both known and not in this version yet", () => {
    const known = new Set([...paths].map((path) => path.replaceAll("[]", ".*")));
    expect(
      later.filter(({ at, values, pattern }) => values === undefined && pattern === undefined && known.has(at)),
    ).toEqual([]);
  });
});

test("every default stands in the JSON Schema", () => {
  const schema = JSON.parse(jsonSchemaText()) as {
    properties: Record<string, { additionalProperties?: { properties: Record<string, { default?: unknown }> } }>;
  };
  const listener = schema.properties["listeners"]?.additionalProperties?.properties;
  const pool = schema.properties["pools"]?.additionalProperties?.properties;
  expect([listener?.["trust"]?.default, listener?.["routes"]?.default, pool?.["balance"]?.default]).toEqual([
    [],
    [],
    "least-requests",
  ]);
});

test("a configuration fits into the shared counters", () => {
  expect([listenersMax, endpointsMax]).toEqual([counters.listenersMax, counters.endpointsMax]);
});

import { describe, expect, test } from "bun:test";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { formatIssue } from "../../src/cli/check.ts";
import { parseConfig } from "../../src/core/config/load.ts";

// Whole files and the whole text that is said about them. UPDATE_GOLDEN=1 writes the text anew: then read the diff.
const folder = new URL("../golden/config/", import.meta.url);

describe("golden files", () => {
  const names = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  expect(names.length).toBeGreaterThan(0);
  test.each(names)("%s", (name) => {
    const text = readFileSync(new URL(name, folder), "utf8");
    const lines = text.split("\n");
    const { issues } = parseConfig(text, { file: name });
    const said = issues.map((issue) => formatIssue(issue, lines, false)).join("");
    const path = new URL(name.replace(/yaml$/, "txt"), folder);
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, said);
    expect(said).toBe(readFileSync(path, "utf8"));
  });
});

/** The linter's half of the walls: it sees a wrong import while it is being typed, so it must know the same walls. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { lintConfig } from "../../tools/lint-config.ts";
import { projectRoot } from "./source.ts";
import { wrongCode } from "./wrong-code.ts";

interface Diagnostic {
  readonly filename: string;
  readonly code: string;
}

test("the linter's configuration is the one that tools/lint-config.ts writes", () => {
  expect(readFileSync(join(projectRoot, ".oxlintrc.json"), "utf8")).toBe(lintConfig());
});

describe("the linter stops", () => {
  const rows = wrongCode.filter((row) => row.lint !== undefined);
  /** Each row's code under a name of its own, so that one run of the linter judges them all. */
  const fileOf = (index: number): string => (rows[index]?.path ?? "").replace(/\/a(\.test)?\.ts$/, `/row${index}$1.ts`);
  let folder = "";
  let seen: readonly Diagnostic[] = [];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "weichensteller-lint-"));
    for (const name of [".oxlintrc.json", "tsconfig.json"]) copyFileSync(join(projectRoot, name), join(folder, name));
    symlinkSync(join(projectRoot, "node_modules"), join(folder, "node_modules"));
    for (const [index, row] of rows.entries()) {
      const path = join(folder, fileOf(index));
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `${row.code}\n`);
    }
    writeFileSync(join(folder, "src/lib/b.ts"), "export const b = 1;\n");
    seen = lint(folder);
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(rows.map((row, index) => [row.name, index, row.lint] as const))("%s", (_name, index, rule) => {
    const codes = seen
      .filter((one) => one.filename === fileOf(index))
      .map((one) => one.code.replace(/^.*\((.*)\)$/, "$1"));
    expect(codes).toContain(rule ?? "");
  });

  test("nothing in code that is as it should be", () => {
    expect(seen.filter((one) => one.filename === "src/lib/b.ts")).toEqual([]);
  });
});

function lint(folder: string): readonly Diagnostic[] {
  const oxlint = join(projectRoot, "node_modules/oxlint/bin/oxlint");
  const run = Bun.spawnSync([process.execPath, oxlint, "--format", "json", "src"], {
    cwd: folder,
    stdin: "ignore",
  });
  const report = JSON.parse(run.stdout.toString()) as {
    readonly diagnostics: readonly Diagnostic[];
  };
  return report.diagnostics;
}

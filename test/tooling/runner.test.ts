/** `npm test` itself, run over small projects with the kinds of files that fool test runners. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { withoutServices } from "../../tools/testing/install.ts";

const runner = resolve(import.meta.dir, "../../tools/test.ts");
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "weichensteller-runner-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function project(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(folder, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

function run(root: string, ...more: string[]): { code: number; lines: string[] } {
  const child = Bun.spawnSync([process.execPath, runner, "--root", root, ...more], {
    stdin: "ignore",
    env: quiet,
  });
  return { code: child.exitCode, lines: child.stdout.toString().trimEnd().split("\n") };
}

/** Without CI=true: these runs must not install packages. */
const quiet = { ...process.env, CI: "" };
const head = `import { expect, test } from "bun:test";\n`;
const good = `${head}test("good", () => { expect(1).toBe(1); });`;

describe("the test runner", () => {
  test("sums up unit and whole-process tests and ends with the totals", () => {
    const root = project("sums", {
      "src/a.test.ts": `${good}\ntest.skipIf(true)("far (needs root)", () => {});`,
      "tools/b.test.ts": good,
      "test/c.test.ts": good,
    });
    const { code, lines } = run(root);
    expect(lines.at(-1)).toBe("3 passed, 0 failed, 1 skipped");
    expect(lines.join("\n")).toContain("src/a.test.ts: far (needs root)");
    expect(code).toBe(0);
  });

  const bad: readonly (readonly [string, string, string])[] = [
    ["a failing test", `${head}test("bad", () => { expect(1).toBe(2); });`, "1 passed, 1 failed, 0 skipped"],
    [
      "a file that imports what is not there",
      `import { x } from "./x.ts";\n${head}test("x", () => x());`,
      "1 passed, 1 failed, 0 skipped",
    ],
    ["a file that is no TypeScript", "const x = ;", "1 passed, 1 failed, 0 skipped"],
    ["a file without tests", "export {};", "1 passed, 1 failed, 0 skipped"],
    [
      "a file that only prints totals",
      `console.error(" 5 pass\\n 0 fail\\nRan 5 tests across 1 file.");`,
      "1 passed, 1 failed, 0 skipped",
    ],
    ["a test that ends the process", `${head}test("x", () => process.exit(0));`, "1 passed, 1 failed, 0 skipped"],
    ["a crash", `${head}test("x", () => process.kill(process.pid, "SIGSEGV"));`, "1 passed, 1 failed, 0 skipped"],
  ];
  test.each(bad)("%s fails the run", (name, text, totals) => {
    const root = project(name.replaceAll(" ", "-"), {
      "src/a.test.ts": good,
      "src/b.test.ts": text,
    });
    const { code, lines } = run(root);
    expect(lines.at(-1)).toBe(totals);
    expect(code).toBe(1);
  });

  test("no test at all fails the run", () => {
    const { code, lines } = run(project("empty", { "src/a.ts": "export {};" }));
    expect(lines.at(-1)).toBe("0 passed, 1 failed, 0 skipped");
    expect(code).toBe(1);
  });

  test("a filter that matches nothing fails the run", () => {
    expect(run(project("filtered", { "src/a.test.ts": good }), "nothing").code).toBe(1);
  });

  test("a part of a path picks files", () => {
    const root = project("picks", {
      "src/a.test.ts": good,
      "src/b.test.ts": `${head}test("x", () => { throw 1; });`,
    });
    const { code, lines } = run(root, "src/a.test.ts");
    expect(lines.at(-1)).toBe("1 passed, 0 failed, 0 skipped");
    expect(code).toBe(0);
  });

  test("a long report arrives whole", () => {
    const noise = `${head}test("x", () => { console.log("${"x".repeat(99)}\\n".repeat(30000)); throw new Error("no"); });`;
    const { lines } = run(project("noisy", { "src/a.test.ts": noise }));
    expect(lines.filter((line) => line.includes("xxxx")).length).toBeGreaterThanOrEqual(30_000);
    expect(lines.at(-1)).toBe("0 passed, 1 failed, 0 skipped");
  });

  test("an unknown option is one clear line", () => {
    const { code, lines } = run(folder, "--instal");
    expect(lines).toHaveLength(1);
    expect(code).toBe(2);
  });

  test("Ctrl-C, which npm passes twice, ends the run, its children and what they started", async () => {
    const root = project("hangs", {
      "test/a.test.ts": `${head}
        import { renameSync, writeFileSync } from "node:fs";
        test("hangs", async () => {
          const child = Bun.spawn(["sleep", "600"]);
          writeFileSync("pids.new", process.pid + " " + child.pid);
          renameSync("pids.new", "pids");
          await child.exited;
        }, 600_000);`,
    });
    const child = Bun.spawn([process.execPath, runner, "--root", root], {
      stdin: "ignore",
      stdout: "pipe",
      env: quiet,
    });
    await fileAppears(root, "pids");
    const pids = readFileSync(join(root, "pids"), "utf8").split(" ").map(Number);
    child.kill("SIGINT");
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    expect((await child.stdout.text()).trimEnd().split("\n").at(-1)).toMatch(/^0 passed, [12] failed, 0 skipped$/);
    expect(pids.filter(isRunning)).toEqual([]);
  });
});

describe("while packages are installed", () => {
  test("a policy keeps services from being started, and is taken away", async () => {
    const file = join(folder, "policy-1");
    await withoutServices(async () => {
      expect(Bun.spawnSync([file, "nginx", "start"]).exitCode).toBe(101);
      expect(statSync(file).mode & 0o777).toBe(0o755);
    }, file);
    expect(existsSync(file)).toBe(false);
  });

  test("the policy is taken away also when the install breaks", async () => {
    const file = join(folder, "policy-2");
    const broken = withoutServices(() => Promise.reject(new Error("no network")), file);
    expect(broken).rejects.toThrow("no network");
    await broken.catch(() => undefined);
    expect(existsSync(file)).toBe(false);
  });

  test("a policy of somebody else stays as it is", async () => {
    const file = join(folder, "policy-3");
    writeFileSync(file, "#!/bin/sh\nexit 0\n");
    await withoutServices(() => Promise.resolve(), file);
    expect(readFileSync(file, "utf8")).toBe("#!/bin/sh\nexit 0\n");
  });
});

function isRunning(pid: number): boolean {
  try {
    // A process that ended and was not yet waited for by its new parent still has an entry.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function fileAppears(root: string, name: string): Promise<void> {
  const { promise, resolve: done } = Promise.withResolvers<void>();
  const watcher = watch(root, () => existsSync(join(root, name)) && done());
  if (existsSync(join(root, name))) done();
  await promise;
  watcher.close();
}

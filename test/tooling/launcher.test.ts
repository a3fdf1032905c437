/** bin/bun, bin/weichensteller and tools/setup.sh in small trees that look like what npm leaves behind. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const project = resolve(import.meta.dir, "../..");
const base = mkdtempSync(join(tmpdir(), "weichensteller launcher "));
let tree = "";
let count = 0;

beforeEach(() => {
  tree = join(base, `tree ${count++}`);
  install(tree);
});
afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});

/** The launcher and a program that says who runs it with which arguments; no Bun yet. */
function install(at: string): void {
  for (const file of ["bin/bun", "bin/weichensteller", "tools/setup.sh"]) {
    mkdirSync(dirname(join(at, file)), { recursive: true });
    copyFileSync(join(project, file), join(at, file));
    chmodSync(join(at, file), 0o755);
  }
  mkdirSync(join(at, "src/main"), { recursive: true });
  writeFileSync(
    join(at, "src/main/weichensteller.ts"),
    "console.log(JSON.stringify([process.execPath, ...process.argv.slice(2)]));\n",
  );
}

/** The real binary (100 MB): copied once, then hard links, since Bun reports the name by which it was started. */
function realBun(path: string): void {
  const copy = join(base, "bun binary");
  if (!existsSync(copy)) copyFileSync(process.execPath, copy);
  mkdirSync(dirname(path), { recursive: true });
  linkSync(copy, path);
}

function script(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

/** What stands at bun/bin/bun.exe when install scripts are blocked. */
function stub(at: string): void {
  script(
    join(at, "node_modules/bun/bin/bun.exe"),
    "echo 'Error: Bun was not installed by its install script' >&2\nexit 1\n",
  );
}

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function run(command: readonly string[], path = "/usr/bin:/bin"): Outcome {
  const child = Bun.spawnSync([...command], { stdin: "ignore", env: { PATH: path, HOME: base } });
  return {
    code: child.exitCode,
    out: child.stdout.toString().trim(),
    err: child.stderr.toString().trim(),
  };
}

describe("bin/weichensteller", () => {
  test("takes the binary where bun's install script moved it", () => {
    realBun(join(tree, "node_modules/bun/bin/bun.exe"));
    const { code, out } = run([join(tree, "bin/weichensteller"), "run", "-c", "a b.yaml"]);
    expect(JSON.parse(out)).toEqual([join(tree, "node_modules/bun/bin/bun.exe"), "run", "-c", "a b.yaml"]);
    expect(code).toBe(0);
  });

  test("takes the binary of @oven where install scripts were blocked", () => {
    stub(tree);
    realBun(join(tree, "node_modules/@oven/bun-linux-x64/bin/bun"));
    const { code, out } = run([join(tree, "bin/weichensteller"), "check"]);
    expect(JSON.parse(out)).toEqual([join(tree, "node_modules/@oven/bun-linux-x64/bin/bun"), "check"]);
    expect(code).toBe(0);
  });

  test("passes over a build of @oven that does not run on this machine", () => {
    stub(tree);
    script(join(tree, "node_modules/@oven/bun-linux-x64/bin/bun"), "#!/no/such/loader\n");
    realBun(join(tree, "node_modules/@oven/bun-linux-x64-musl/bin/bun"));
    const { code, out } = run([join(tree, "bin/weichensteller")]);
    expect(JSON.parse(out)).toEqual([join(tree, "node_modules/@oven/bun-linux-x64-musl/bin/bun")]);
    expect(code).toBe(0);
  });

  test("says one clear line when there is only the stub and nothing on PATH", () => {
    stub(tree);
    const { code, out, err } = run([join(tree, "bin/weichensteller")]);
    expect(code).toBe(127);
    expect(out).toBe("");
    expect(err.split("\n")).toHaveLength(1);
    expect(err).toContain(`run 'npm ci' in ${tree}`);
  });

  test("takes Bun from PATH when there is no other", () => {
    realBun(join(base, "on path/bun"));
    const { code, out } = run([join(tree, "bin/weichensteller"), "x"], `/usr/bin:/bin:${base}/on path`);
    expect(JSON.parse(out)).toEqual([join(base, "on path/bun"), "x"]);
    expect(code).toBe(0);
  });

  test("does not take a Bun from PATH that is too old, and says so", () => {
    script(join(base, "old/bun"), "#!/bin/sh\necho 1.3.9\n");
    const { code, err } = run([join(tree, "bin/weichensteller")], `${base}/old:/usr/bin:/bin`);
    expect(code).toBe(127);
    expect(err).toContain("the one on PATH is 1.3.9, 1.4 is needed");
  });

  test("does not call itself for ever when its own folder is on PATH", () => {
    const { code, err } = run([join(tree, "bin/weichensteller")], `${tree}/bin:/usr/bin:/bin`);
    expect(code).toBe(127);
    expect(err.split("\n")).toHaveLength(1);
  });

  test("works through the link that npm makes in another project's node_modules", () => {
    const other = join(tree, "other");
    install(join(other, "node_modules/weichensteller"));
    realBun(join(other, "node_modules/@oven/bun-linux-x64/bin/bun"));
    stub(other);
    mkdirSync(join(other, "node_modules/.bin"), { recursive: true });
    symlinkSync("../weichensteller/bin/weichensteller", join(other, "node_modules/.bin/weichensteller"));
    const { code, out } = run([join(other, "node_modules/.bin/weichensteller"), "status"]);
    expect(JSON.parse(out)).toEqual([join(other, "node_modules/@oven/bun-linux-x64/bin/bun"), "status"]);
    expect(code).toBe(0);
  });

  test("works where packages are links into a store, as pnpm keeps them", () => {
    const store = join(tree, "store/node_modules/.pnpm");
    const own = join(store, "weichensteller@0.1.0/node_modules");
    install(join(own, "weichensteller"));
    realBun(join(store, "bun@1.4.5/node_modules/@oven/bun-linux-x64/bin/bun"));
    stub(join(store, "bun@1.4.5"));
    symlinkSync(join(store, "bun@1.4.5/node_modules/bun"), join(own, "bun"));
    const { code, out } = run([join(own, "weichensteller/bin/weichensteller")]);
    expect(JSON.parse(out)).toEqual([join(store, "bun@1.4.5/node_modules/@oven/bun-linux-x64/bin/bun")]);
    expect(code).toBe(0);
  });

  test("becomes Bun, so that a signal reaches the program and its exit code is the program's", async () => {
    realBun(join(tree, "node_modules/bun/bin/bun.exe"));
    const program = `process.on("SIGTERM", () => process.exit(42)); setInterval(() => {}, 1000); console.log(process.pid);`;
    writeFileSync(join(tree, "src/main/weichensteller.ts"), program);
    const child = Bun.spawn([join(tree, "bin/weichensteller")], {
      stdin: "ignore",
      stdout: "pipe",
    });
    const { value } = await child.stdout.getReader().read();
    expect(Number(new TextDecoder().decode(value))).toBe(child.pid);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(42);
  });
});

describe("tools/setup.sh", () => {
  const stamp = "node_modules/.package-lock.json";

  /** A fake npm: what is asked of it is written down, and `npm ci` leaves the file that the real one leaves. */
  function fakeNpm(code = 0): string {
    const text = `#!/bin/sh\necho "$*" >> calls\nmkdir -p node_modules\necho {} > ${stamp}\nexit ${code}\n`;
    script(join(tree, "fake/npm"), text);
    writeFileSync(join(tree, "package-lock.json"), "{}");
    return `${tree}/fake:/usr/bin:/bin`;
  }

  /** An installed tree, `seconds` newer (or older) than the lockfile. */
  function installed(seconds: number): void {
    mkdirSync(join(tree, "node_modules"), { recursive: true });
    writeFileSync(join(tree, stamp), "{}");
    const lockTime = statSync(join(tree, "package-lock.json")).mtimeMs / 1000;
    utimesSync(join(tree, stamp), lockTime + seconds, lockTime + seconds);
  }

  const setup = (path: string): Outcome => run(["sh", join(tree, "tools/setup.sh")], path);
  const calls = (): string => (existsSync(join(tree, "calls")) ? readFileSync(join(tree, "calls"), "utf8") : "");

  test("installs into a fresh clone, and is silent and idle the second time", () => {
    const path = fakeNpm();
    expect(setup(path).code).toBe(0);
    expect(calls()).toMatch(/^ci .*\n$/);
    expect(setup(path)).toEqual({ code: 0, out: "", err: "" });
    expect(calls().split("\n")).toHaveLength(2);
  });

  test("installs again when the lockfile is newer", () => {
    const path = fakeNpm();
    installed(-10);
    expect(setup(path).code).toBe(0);
    expect(calls()).toStartWith("ci ");
  });

  test("does nothing when the installed tree is newer", () => {
    const path = fakeNpm();
    installed(10);
    expect(setup(path)).toEqual({ code: 0, out: "", err: "" });
    expect(calls()).toBe("");
  });

  test("fails with a line of its own when npm fails", () => {
    const { code, err } = setup(fakeNpm(3));
    expect(code).toBe(1);
    expect(err).toContain("npm ci failed");
  });

  test("says what is missing where there is no npm", () => {
    fakeNpm();
    rmSync(join(tree, "fake/npm"));
    // A PATH with only what the script itself uses, since npm may live in /usr/bin.
    for (const tool of ["sh", "dirname"]) symlinkSync(`/usr/bin/${tool}`, join(tree, `fake/${tool}`));
    const { code, err } = run(["/bin/sh", join(tree, "tools/setup.sh")], `${tree}/fake`);
    expect(code).toBe(127);
    expect(err).toContain("npm was not found");
  });
});

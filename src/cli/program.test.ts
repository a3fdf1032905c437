import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fixtureView } from "../../test/fixtures/status-view.ts";
import { type AdminServer, startAdmin } from "../control/admin.ts";
import { AppError } from "../model/app-error.ts";
import { parseTarget } from "./admin-target.ts";
import type { CliIo } from "./io.ts";
import { type CliPorts, runCli } from "./program.ts";

const folder = mkdtempSync(join(tmpdir(), "wst-cli-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

interface Ran {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
  /** Which port was called, with what. */
  readonly called: string;
}

async function cli(line: string, more: { io?: Partial<CliIo>; ports?: Partial<CliPorts> } = {}): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const called: string[] = [];
  const call = (text: string, exitCode = 0): Promise<number> => {
    called.push(text);
    return Promise.resolve(exitCode);
  };
  const io: CliIo = {
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    isTerminal: false,
    columns: () => undefined,
    env: { XDG_RUNTIME_DIR: folder },
    uid: 1000,
    user: () => "anna",
    pause: () => Promise.resolve(),
    isAlive: () => false,
    ...more.io,
  };
  const exitCode = await runCli(line === "" ? [] : line.split(" "), {
    version: "1.2.3",
    io,
    run: (file) => call(`run ${file}`),
    check: ({ file, isJson }) => call(`check ${file} ${isJson}`, 1),
    quickstart: ({ port }) => call(`quickstart ${port}`),
    readAdmin: (file) => Promise.reject(new AppError("config-invalid", `${file}: broken`)),
    ...more.ports,
  });
  return { exitCode, out: out.join("\n"), err: err.join("\n"), called: called.join("; ") };
}

describe("command line", () => {
  for (const [line, exitCode, called] of [
    ["run -c a.yaml", 0, "run a.yaml"],
    ["run --config=a.yaml", 0, "run a.yaml"],
    ["check -c a.yaml", 1, "check a.yaml false"],
    ["check -c a.yaml --json", 1, "check a.yaml true"],
    ["start", 0, "quickstart 8080"],
    ["start --port 8081", 0, "quickstart 8081"],
    ["start -c a.yaml", 0, "run a.yaml"],
    ["start -c a.yaml --port 8081", 2, ""],
    ["start --port 0", 0, "quickstart 0"],
    ["start --port -1", 2, ""],
    ["start --port 65536", 2, ""],
    ["start --port 80x", 2, ""],
    ["run", 2, ""],
    ["run a.yaml", 2, ""],
    ["status extra", 2, ""],
    ["status --admin 1:2:3", 2, ""],
    ["status --admin 127.0.0.1:1 -c a.yaml", 2, ""],
    ["status -c a.yaml", 2, ""],
    ["status", 3, ""],
    ["stop", 3, ""],
    ["", 2, ""],
    ["--help", 0, ""],
    ["--version", 0, ""],
    ["help status", 0, ""],
  ] as const) {
    test(`${line === "" ? "nothing at all" : line} ends with ${exitCode}`, async () => {
      const ran = await cli(line);
      expect(ran.exitCode).toBe(exitCode);
      expect(ran.called).toBe(called);
      // Whoever gets a non-zero exit code is told why, but for check, whose words are its own.
      expect(ran.err !== "" || exitCode === 0 || called !== "").toBe(true);
    });
  }

  for (const [typo, meant] of [
    ["statsu", "status"],
    ["chek", "check"],
    ["sotp", "stop"],
    ["strat", "start"],
    ["status --jsno", "--json"],
    ["run --confg x", "--config"],
  ] as const) {
    test(`${typo} suggests ${meant}`, async () => {
      const { exitCode, err } = await cli(typo);
      expect(exitCode).toBe(2);
      expect(err).toContain(`Did you mean ${meant}?`);
    });
  }

  test("the version alone", async () => {
    expect(await cli("--version")).toMatchObject({ out: "1.2.3", err: "" });
  });

  for (const command of ["run", "start", "check", "status", "stop"]) {
    test(`help of ${command} has an example and the exit codes`, async () => {
      const { out } = await cli(`${command} --help`);
      expect(out).toContain("Example");
      expect(out).toContain("Exit codes:");
    });
  }

  test("an unexpected error is not hidden behind a line", () => {
    const ports = { run: () => Promise.reject(new Error("bug")) };
    expect(cli("run -c a.yaml", { ports })).rejects.toThrow("bug");
  });
});

describe("admin targets", () => {
  for (const [text, expected] of [
    ["/run/x/admin.sock", { kind: "socket", path: "/run/x/admin.sock" }],
    ["./admin.sock", { kind: "socket", path: "./admin.sock" }],
    ["127.0.0.1:9400", { kind: "tcp", host: "127.0.0.1", port: 9400 }],
    ["localhost:9400", { kind: "tcp", host: "localhost", port: 9400 }],
    ["[::1]:9400", { kind: "tcp", host: "::1", port: 9400 }],
    [":9400", { kind: "tcp", host: "127.0.0.1", port: 9400 }],
    ["9400", { kind: "tcp", host: "127.0.0.1", port: 9400 }],
    ["http://127.0.0.1:9400/", { kind: "tcp", host: "127.0.0.1", port: 9400 }],
  ] as const) {
    test(text, () => expect(parseTarget(text)).toEqual(expected));
  }
  for (const text of [
    "",
    "localhost",
    "a:b",
    "127.0.0.1:0",
    "127.0.0.1:65536",
    "::1:9400",
    "http://127.0.0.1:9400/path",
  ]) {
    test(`${text === "" ? "an empty text" : text} is refused`, () => expect(() => parseTarget(text)).toThrow(AppError));
  }
});

describe("commands at a real admin API", () => {
  function startInstance(name: string, stop: (reason: string) => void = () => undefined): AdminServer {
    const socket = join(folder, name);
    const server = startAdmin({
      bind: { host: "127.0.0.1", port: 0 },
      socket,
      view: () => fixtureView,
      stop,
    });
    cleanups.push(() => server.stop());
    return server;
  }

  test("status finds the socket that the configuration names", async () => {
    const { addresses } = startInstance("a.sock");
    const ran = await cli("status -c a.yaml", {
      ports: { readAdmin: () => Promise.resolve({ socket: addresses.socket }) },
    });
    expect(ran).toMatchObject({ exitCode: 0, err: "" });
    expect(ran.out).toContain("3 checks failed: connect refused");
  });

  test("status --json over TCP is the view", async () => {
    const { addresses } = startInstance("b.sock");
    const { out } = await cli(`status --json --admin ${addresses.tcp?.port}`);
    expect(JSON.parse(out)).toEqual(JSON.parse(JSON.stringify(fixtureView)));
  });

  test("stop asks, waits until the process is gone, and says so", async () => {
    const reason = Promise.withResolvers<string>();
    const { addresses } = startInstance("c.sock", reason.resolve);
    let looks = 0;
    const isAlive = (pid: number): boolean => pid === fixtureView.pid && ++looks < 3;
    const ran = await cli(`stop --admin ${addresses.socket}`, { io: { isAlive } });
    expect(ran).toMatchObject({
      exitCode: 0,
      out: "weichensteller (pid 4242) drains; 3 requests run\nstopped",
    });
    expect(await reason.promise).toBe("asked for through the admin socket");
  });

  test("stop over TCP is refused with the reason", async () => {
    const { addresses } = startInstance("d.sock");
    const ran = await cli(`stop --admin ${addresses.tcp?.port}`);
    expect(ran.exitCode).toBe(1);
    expect(ran.err).toContain("read-only");
  });

  test("another program at the address is said to be one", async () => {
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => new Response("hello"),
    });
    cleanups.push(() => server.stop(true));
    const ran = await cli(`status --admin 127.0.0.1:${server.port}`);
    expect(ran).toMatchObject({ exitCode: 1 });
    expect(ran.err).toContain("no weichensteller");
  });

  test("nobody at the address is exit code 3", async () => {
    const server = startInstance("e.sock");
    await server.stop();
    const ran = await cli(`status --admin ${server.addresses.tcp?.port}`);
    expect(ran.exitCode).toBe(3);
    expect(ran.err).toContain("no running instance at 127.0.0.1:");
  });
});

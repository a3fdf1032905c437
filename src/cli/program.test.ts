import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fixtureView } from "../../test/fixtures/status-view.ts";
import { type AdminServer, startAdmin } from "../control/admin.ts";
import type { OverrideRequest } from "../model/override.ts";
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

  for (const command of ["run", "start", "check", "status", "stop", "drain", "maint", "ready", "weight"]) {
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
  const asked: OverrideRequest[] = [];

  function startInstance(name: string, stop: (reason: string) => void = () => undefined): AdminServer {
    const socket = join(folder, name);
    const server = startAdmin({
      bind: { host: "127.0.0.1", port: 0 },
      socket,
      view: () => fixtureView,
      change(request) {
        asked.push(request);
        if (request.pool !== "app") return { kind: "unknown", message: "there is no pool called x" };
        const { actor, reason = "" } = request;
        const override = { state: { value: "maint", actor, reason, sinceAt: 1 } } as const;
        return request.change.kind === "state"
          ? { kind: "changed", override }
          : { kind: "changed", override, notSaved: "overrides /x: no space left" };
      },
      stop,
    });
    cleanups.push(() => server.stop());
    return server;
  }

  test("maint names place, person and reason, and says what holds now", async () => {
    const { addresses } = startInstance("override.sock");
    const ran = await cli(`maint app/127.0.0.1:9001 --reason disk --admin ${addresses.socket}`);
    expect(ran).toMatchObject({ exitCode: 0, out: "app/127.0.0.1:9001: MAINT by anna: disk", err: "" });
    const change = { kind: "state", state: "maint" } as const;
    expect(asked.pop()).toEqual({ pool: "app", endpoint: "127.0.0.1:9001", change, actor: "anna", reason: "disk" });
  });

  test("what could not be kept is a failure that says so", async () => {
    const { addresses } = startInstance("full.sock");
    const ran = await cli(`weight app/b1 default --admin ${addresses.socket}`);
    expect(ran).toMatchObject({ exitCode: 1, err: "weichensteller: overrides /x: no space left" });
    expect(asked.pop()).toMatchObject({ change: { kind: "weight", weight: null } });
  });

  for (const [line, exitCode, err] of [
    ["drain x/b1", 2, "there is no pool called x"],
    ["drain app", 2, "expected POOL/ENDPOINT"],
    ["weight app/b1 257", 2, "expected 0 to 256, or default"],
    ["weight app/b1 1.5", 2, "expected 0 to 256, or default"],
    ["weight app/b1", 2, "missing required argument"],
    ["ready app/b1 --admin 127.0.0.1:PORT", 1, "read-only"],
  ] as const) {
    test(`${line} ends with ${exitCode}`, async () => {
      const { addresses } = startInstance(`refused-${asked.length}-${line.length}.sock`);
      const target = line.includes("--admin") ? "" : ` --admin ${addresses.socket}`;
      const ran = await cli(`${line.replace("PORT", String(addresses.tcp?.port))}${target}`);
      expect(ran.exitCode).toBe(exitCode);
      expect(ran.err).toContain(err);
    });
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

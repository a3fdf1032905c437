import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fixtureView } from "../../test/fixtures/status-view.ts";
import { AppError } from "../model/app-error.ts";
import { EndpointState } from "../model/snapshot.ts";
import type { StatusView } from "../model/status.ts";
import { type AdminServer, startAdmin } from "./admin.ts";
import { adminAnswer } from "./admin-answer.ts";
import type { AdminCommands } from "./commands.ts";

const folder = mkdtempSync(join(tmpdir(), "wst-admin-"));
const servers: AdminServer[] = [];
let made = 0;

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** What is asked for over the API; only `stop` is possible here. */
function commands(stop: (reason: string) => void = () => undefined): AdminCommands {
  return {
    stop,
    reload: () => Promise.resolve({ kind: "refused", lines: ["not", "here"], isBadFile: true }),
    upgrade: () => Promise.resolve({ kind: "refused", lines: ["no upgrade"] }),
  };
}

function start(
  view: StatusView = fixtureView,
  stop: (reason: string) => void = () => undefined,
): { socket: string; url: string } {
  const socket = join(folder, `${made++}.sock`);
  const server = startAdmin({
    bind: { host: "127.0.0.1", port: 0 },
    socket,
    view: () => view,
    commands: commands(stop),
  });
  servers.push(server);
  expect(server.addresses.tcp?.port).toBeGreaterThan(0);
  return { socket, url: `http://127.0.0.1:${server.addresses.tcp?.port}` };
}

describe("admin answers", () => {
  const source = { view: () => fixtureView, tcpHost: "127.0.0.1" };
  for (const [name, request, status, code] of [
    ["status by address", { host: "127.0.0.1:9400" }, 200, undefined],
    ["status by localhost", { host: "LocalHost" }, 200, undefined],
    ["status by IPv6 loopback", { host: "[::1]:9400" }, 200, undefined],
    ["a foreign name on TCP is refused", { host: "evil.example:9400" }, 403, "host-not-allowed"],
    ["a name that only begins like ours too", { host: "127.0.0.1.evil.example" }, 403, "host-not-allowed"],
    ["userinfo does not help", { host: "localhost@evil.example" }, 403, "host-not-allowed"],
    ["an empty Host on TCP is refused", { host: "" }, 403, "host-not-allowed"],
    ["the socket does not look at Host", { door: "socket", host: "evil.example" }, 200, undefined],
    ["HEAD reads too", { method: "HEAD", host: "localhost" }, 200, undefined],
    ["POST on a reading path", { method: "POST", host: "localhost" }, 405, "method-not-allowed"],
    ["DELETE", { method: "DELETE", host: "localhost" }, 405, "method-not-allowed"],
    ["an unknown path", { path: "/api/v2/status", host: "localhost" }, 404, "not-found"],
    ["stop on TCP is refused", { method: "POST", path: "/api/v1/stop", host: "localhost" }, 403, "read-only"],
    ["stop by GET is refused", { door: "socket", path: "/api/v1/stop" }, 405, "method-not-allowed"],
    ["stop on the socket", { door: "socket", method: "POST", path: "/api/v1/stop" }, 202, undefined],
  ] as const) {
    test(name, () => {
      const answer = adminAnswer({ door: "tcp", method: "GET", path: "/api/v1/status", host: "", ...request }, source);
      expect(answer.status).toBe(status);
      expect(answer.action).toBe(status === 202 ? "stop" : undefined);
      if (code !== undefined) expect(JSON.parse(answer.body)).toMatchObject({ error: { code } });
    });
  }

  const dead = fixtureView.workers.map((worker) => ({ ...worker, state: "dead" as const }));
  const down = fixtureView.pools.map((pool) => ({
    ...pool,
    endpoints: pool.endpoints.map((endpoint) => ({ ...endpoint, state: EndpointState.Down })),
  }));
  for (const [name, view, status, body] of [
    ["ready with one worker of two", fixtureView, 200, { isReady: true, reasons: [], details: [] }],
    ["no worker is not ready", { ...fixtureView, workers: dead }, 503, { reasons: ["no worker is ready"] }],
    ["draining is not ready", { ...fixtureView, state: "draining" }, 503, { reasons: ["draining"] }],
    [
      "empty pools are a detail",
      { ...fixtureView, pools: down },
      200,
      {
        isReady: true,
        details: ["pool app has no usable endpoint", "pool static has no usable endpoint"],
      },
    ],
  ] as const) {
    test(name, () => {
      const answer = adminAnswer(
        { door: "socket", method: "GET", path: "/readyz", host: "" },
        { ...source, view: () => view },
      );
      expect(answer.status).toBe(status);
      expect(JSON.parse(answer.body)).toMatchObject(body);
    });
  }
});

describe("admin server", () => {
  test("both doors give the same status", async () => {
    const { socket, url } = start();
    const overSocket = await (await fetch("http://admin/api/v1/status", { unix: socket })).json();
    const overTcp = await (await fetch(`${url}/api/v1/status`)).json();
    expect(overSocket).toEqual(JSON.parse(JSON.stringify(fixtureView)));
    expect(overTcp).toEqual(overSocket);
  });

  test("metrics have the content type that Prometheus wants", async () => {
    const { url } = start();
    const answer = await fetch(`${url}/metrics`);
    expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await answer.text()).toContain('weichensteller_endpoint_up{pool="app",endpoint="b1"} 1');
  });

  test("a rebound name is refused on the wire", async () => {
    const { url } = start();
    const answer = await fetch(`${url}/api/v1/status`, { headers: { Host: "evil.example" } });
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ error: { code: "host-not-allowed" } });
  });

  test("refusals of reload and upgrade come with every reason", async () => {
    const { socket } = start();
    const post = async (path: string) => {
      const answer = await fetch(`http://admin${path}`, { unix: socket, method: "POST" });
      return { status: answer.status, body: await answer.json() };
    };
    expect(await post("/api/v1/reload")).toEqual({
      status: 422,
      body: { error: { code: "config-invalid", message: "not\nhere", lines: ["not", "here"] } },
    });
    expect(await post("/api/v1/upgrade")).toMatchObject({ status: 409, body: { error: { code: "upgrade-refused" } } });
  });

  test("stop over the socket is answered and then done", async () => {
    const stopped = Promise.withResolvers<string>();
    const { socket } = start(fixtureView, stopped.resolve);
    const answer = await fetch("http://admin/api/v1/stop", { unix: socket, method: "POST" });
    expect(answer.status).toBe(202);
    expect(await stopped.promise).toBe("asked for through the admin socket");
  });

  test("the socket is for owner and group only, and is gone after stop", async () => {
    const { socket } = start();
    expect(statSync(socket).mode & 0o777).toBe(0o660);
    await servers.pop()!.stop(); // `start` pushed it
    expect(existsSync(socket)).toBe(false);
  });

  for (const host of ["0.0.0.0", "*", "192.0.2.1", "::"]) {
    test(`refuses to bind ${host}`, () => {
      expect(() =>
        startAdmin({
          bind: { host, port: 0 },
          socket: join(folder, "refused.sock"),
          view: () => fixtureView,
          commands: commands(),
        }),
      ).toThrow(/only loopback/);
    });
  }

  test("an address in use is an error of its own and leaves no socket", () => {
    const { url } = start();
    const socket = join(folder, "second.sock");
    const bind = { host: "127.0.0.1", port: Number(new URL(url).port) };
    let error: unknown;
    try {
      startAdmin({
        bind,
        socket,
        holder: () => ({ uid: 0, user: "root", pid: 12, command: "nginx" }),
        view: () => fixtureView,
        commands: commands(),
      });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({
      code: "admin-address-in-use",
      message: `admin.bind 127.0.0.1:${bind.port} is in use by nginx (pid 12, user root)`,
    });
    expect(existsSync(socket)).toBe(false);
  });

  test("a folder that is not there is an error, and the TCP address is free again", async () => {
    const probe = start();
    const port = Number(new URL(probe.url).port);
    await servers.pop()!.stop(); // `start` pushed it
    const options = {
      bind: { host: "127.0.0.1", port },
      view: () => fixtureView,
      commands: commands(),
    };
    expect(() => startAdmin({ ...options, socket: join(folder, "no/such/folder.sock") })).toThrow(/admin.socket/);
    servers.push(startAdmin({ ...options, socket: join(folder, "again.sock") }));
  });
});

import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fixtureView } from "../../test/fixtures/status-view.ts";
import { AppError } from "../model/app-error.ts";
import type { OverrideRequest } from "../model/override.ts";
import { EndpointState } from "../model/snapshot.ts";
import type { StatusView } from "../model/status.ts";
import { type AdminServer, startAdmin } from "./admin.ts";
import { adminAnswer } from "./admin-answer.ts";
import type { ChangeResult } from "./endpoint-override.ts";

const folder = mkdtempSync(join(tmpdir(), "wst-admin-"));
const servers: AdminServer[] = [];
let made = 0;

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

function start(
  view: StatusView = fixtureView,
  stop: (reason: string) => void = () => undefined,
): { socket: string; url: string } {
  const socket = join(folder, `${made++}.sock`);
  const server = startAdmin({
    bind: { host: "127.0.0.1", port: 0 },
    socket,
    view: () => view,
    change: changeFixture,
    stop,
  });
  servers.push(server);
  expect(server.addresses.tcp?.port).toBeGreaterThan(0);
  return { socket, url: `http://127.0.0.1:${server.addresses.tcp?.port}` };
}

const changes: OverrideRequest[] = [];

/** The fixture has a pool `app` with `b1`. */
function changeFixture(request: OverrideRequest): ChangeResult {
  changes.push(request);
  if (request.pool !== "app") return { kind: "unknown", message: "there is no pool" };
  return { kind: "changed", notSaved: "disk full" };
}

describe("overrides over the API", () => {
  const source = { view: () => fixtureView, change: changeFixture, tcpHost: "127.0.0.1" };
  const state = "/api/v1/pools/app/endpoints/127.0.0.1%3A9001/state";
  const weight = "/api/v1/pools/app/endpoints/b1/weight";
  const post = { door: "socket", method: "POST", host: "" } as const;

  for (const [name, path, body, asked] of [
    [
      "a state with actor and reason",
      state,
      { state: "maint", actor: "anna", reason: "new disk" },
      {
        pool: "app",
        endpoint: "127.0.0.1:9001",
        change: { kind: "state", state: "maint" },
        actor: "anna",
        reason: "new disk",
      },
    ],
    [
      "a weight by nobody in particular",
      weight,
      { weight: 256 },
      { pool: "app", endpoint: "b1", change: { kind: "weight", weight: 256 }, actor: "unknown" },
    ],
    [
      "the configured weight",
      weight,
      { weight: null, actor: "ben" },
      { pool: "app", endpoint: "b1", change: { kind: "weight", weight: null }, actor: "ben" },
    ],
  ] as const) {
    test(name, () => {
      const answer = adminAnswer({ ...post, path, body: JSON.stringify(body) }, source);
      expect([answer.status, changes.pop()]).toEqual([200, asked]);
      expect(JSON.parse(answer.body)).toEqual({
        pool: "app",
        endpoint: asked.endpoint,
        override: null,
        notSaved: "disk full",
      });
    });
  }

  for (const [name, request, status, code] of [
    ["TCP is read-only", { door: "tcp", host: "localhost", body: '{"state":"drain"}' }, 403, "read-only"],
    ["GET", { method: "GET" }, 405, "method-not-allowed"],
    ["no body", { body: "" }, 400, "bad-body"],
    ["a list", { body: "[]" }, 400, "bad-body"],
    ["null", { body: "null" }, 400, "bad-body"],
    ["a state that is none", { body: '{"state":"up"}' }, 400, "bad-body"],
    ["a control character in the reason", { body: '{"state":"drain","reason":"a\\u001b[2J"}' }, 400, "bad-body"],
    ["an empty actor", { body: '{"state":"drain","actor":""}' }, 400, "bad-body"],
    ["a long reason", { body: JSON.stringify({ state: "drain", reason: "x".repeat(201) }) }, 400, "bad-body"],
    ["weight 257", { path: weight, body: '{"weight":257}' }, 400, "bad-body"],
    ["weight -1", { path: weight, body: '{"weight":-1}' }, 400, "bad-body"],
    ["weight 1.5", { path: weight, body: '{"weight":1.5}' }, 400, "bad-body"],
    ["no weight", { path: weight, body: "{}" }, 400, "bad-body"],
    [
      "a pool that is not there",
      { path: "/api/v1/pools/none/endpoints/b1/state", body: '{"state":"drain"}' },
      404,
      "unknown-name",
    ],
    ["a broken escape", { path: "/api/v1/pools/%zz/endpoints/b1/state" }, 404, "not-found"],
  ] as const) {
    test(`${name} is ${status}`, () => {
      const answer = adminAnswer({ ...post, path: state, ...request }, source);
      expect(answer.status).toBe(status);
      expect(JSON.parse(answer.body)).toMatchObject({ error: { code } });
    });
  }

  test("on the wire", async () => {
    changes.length = 0;
    const { socket, url } = start();
    const body = '{"state":"drain","actor":"anna"}';
    const answer = await fetch(`http://admin${state}`, { unix: socket, method: "POST", body });
    expect(answer.status).toBe(200);
    expect(changes.pop()).toMatchObject({ actor: "anna", change: { state: "drain" } });
    expect((await fetch(`${url}${state}`, { method: "POST", body })).status).toBe(403);
    expect(changes).toHaveLength(0);
  });
});

describe("admin answers", () => {
  const source = { view: () => fixtureView, change: changeFixture, tcpHost: "127.0.0.1" };
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
      expect(answer.isStop).toBe(status === 202);
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
          change: changeFixture,
          stop: () => undefined,
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
        change: changeFixture,
        stop: () => undefined,
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
      change: changeFixture,
      stop: () => undefined,
    };
    expect(() => startAdmin({ ...options, socket: join(folder, "no/such/folder.sock") })).toThrow(/admin.socket/);
    servers.push(startAdmin({ ...options, socket: join(folder, "again.sock") }));
  });
});

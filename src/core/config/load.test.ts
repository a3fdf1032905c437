import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Config } from "../../model/config.ts";
import { parseConfig } from "./load.ts";

function accepted(text: string, options: Partial<Parameters<typeof parseConfig>[1]> = {}): Config {
  const { config, issues } = parseConfig(text, { file: "a.yaml", ...options });
  expect(issues).toEqual([]);
  if (config === undefined) throw new Error("no issue and no configuration");
  return config;
}

function warnings(text: string): string[] {
  const { config, issues } = parseConfig(text, { file: "a.yaml" });
  expect(config).toBeDefined();
  return issues.map(({ severity, code, path }) => `${severity} ${code} ${path}`);
}

const example = (name: string): string => readFileSync(new URL(`../../../examples/${name}`, import.meta.url), "utf8");
const minimal =
  "version: 1\nlisteners: { api: { bind: 127.0.0.1:8080, pool: app } }\npools: { app: { endpoints: [127.0.0.1:9001] } }\n";
const withListener = (text: string): string => minimal.replace("pool: app }", `pool: app, ${text} }`);
const withPool = (text: string): string => minimal.replace("9001] }", `9001], ${text} }`);
const withTop = (text: string): string => `${minimal}${text}\n`;

describe("defaults", () => {
  test("examples/full.yaml spells out what a file without these keys means", () => {
    expect(accepted(example("full.yaml"))).toEqual(accepted(minimal));
  });

  test("full.yaml names every key, those without a default in comments", async () => {
    const { manualEntries } = await import("./reference.ts");
    const text = example("full.yaml");
    expect(
      manualEntries()
        .filter(({ name }) => !new RegExp(`\\b${name}:`).test(text))
        .map(({ path }) => path),
    ).toEqual([]);
  });

  test("all of them, as the model has them", () => {
    expect(accepted(minimal)).toEqual({
      listeners: [
        {
          name: "api",
          bind: [{ host: "127.0.0.1", port: 8080 }],
          protocol: "http",
          pool: "app",
          trust: [],
          limits: { connections: 20_000, headBytes: 32_768, headers: 100, targetBytes: 8192 },
          timeouts: {
            headMs: 10_000,
            idleMs: 60_000,
            bodyMs: 60_000,
            minRate: 1024,
            writeMs: 60_000,
          },
          forward: { xForwarded: true, forwarded: false, requestId: true, traceContext: true },
          underscores: "drop",
          halfClose: false,
          routes: [],
        },
      ],
      pools: [
        {
          name: "app",
          balance: { kind: "least-requests" },
          slowStartMs: 0,
          endpoints: [{ name: "127.0.0.1:9001", host: "127.0.0.1", port: 9001, weight: 1, backup: false }],
          health: {
            check: { kind: "tcp" },
            intervalMs: 2000,
            fastIntervalMs: 200,
            passive: { failures: 3, withinMs: 10_000, ejectMs: 5_000, ejectMaxMs: 60_000, share: 0.5 },
            timeoutMs: 1000,
            rise: 2,
            fall: 3,
            jitter: 0.1,
            initial: "up",
          },
          retry: {
            attempts: 3,
            attemptTimeoutMs: 0,
            on: ["connect", "reset", "timeout", 502, 503, 504],
            budget: { share: 0.2, minPerSecond: 10, burst: 100 },
            bodyBytes: 65_536,
          },
          timeouts: { connectMs: 1000, responseMs: 60_000, idleMs: 60_000, totalMs: 0 },
          reuse: true,
        },
      ],
      admin: { bind: { host: "127.0.0.1", port: 9400 }, socket: "/run/weichensteller/admin.sock" },
      process: {
        workers: "auto",
        connections: 100_000,
        data: "/var/lib/weichensteller",
        drainMs: 30_000,
      },
      log: { level: "info", format: "auto" },
    });
  });

  test("the caller's defaults stand in for the system's, the file wins over both", () => {
    const defaults = { socket: "/tmp/x.sock", data: "/tmp/data", user: "nobody" };
    const config = accepted(minimal, { defaults });
    expect([config.admin.socket, config.process.data, config.process.user]).toEqual([
      "/tmp/x.sock",
      "/tmp/data",
      "nobody",
    ]);
    const own = accepted(withTop("admin: { socket: /a/b.sock }\nprocess: { data: /c, user: d }"), {
      defaults,
    });
    expect([own.admin.socket, own.process.data, own.process.user]).toEqual(["/a/b.sock", "/c", "d"]);
  });

  test("check times never exceed a short interval by default", () => {
    const { health } = accepted(withPool("health: { interval: 100ms }")).pools[0]!; // one pool stands in the file
    expect([health?.intervalMs, health?.fastIntervalMs, health?.timeoutMs]).toEqual([100, 100, 100]);
  });
});

/** What stands in the file, and a part of the model that comes of it. */
type ListenerRow = readonly [text: string, part: Partial<Config["listeners"][number]>];
describe("a listener", () => {
  const rows: readonly ListenerRow[] = [
    [
      "limits: { bodyBytes: 0B }",
      {
        limits: {
          connections: 20_000,
          headBytes: 32_768,
          headers: 100,
          targetBytes: 8192,
          bodyBytes: 0,
        },
      },
    ],
    [
      "limits: { connections: 1, headBytes: 1KiB, headers: 1, targetBytes: 64B }",
      { limits: { connections: 1, headBytes: 1024, headers: 1, targetBytes: 64 } },
    ],
    [
      "limits: { connections: 1000000, headBytes: 1MiB, headers: 1000, targetBytes: 1MiB, bodyBytes: 8192GiB }",
      {
        limits: {
          connections: 1_000_000,
          headBytes: 1_048_576,
          headers: 1000,
          targetBytes: 1_048_576,
          bodyBytes: 2 ** 43,
        },
      },
    ],
    [
      "timeouts: { head: 10ms, idle: 24h, body: 0s, minRate: 0B/s, write: 0s }",
      { timeouts: { headMs: 10, idleMs: 86_400_000, bodyMs: 0, minRate: 0, writeMs: 0 } },
    ],
    ['trust: [10.0.0.0/8, "2001:db8::/32", 192.0.2.1]', { trust: ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"] }],
    ["underscores: pass, halfClose: true", { underscores: "pass", halfClose: true }],
    [
      "forward: { xForwarded: false, forwarded: true, requestId: false, traceContext: false }",
      { forward: { xForwarded: false, forwarded: true, requestId: false, traceContext: false } },
    ],
    [
      "routes: [{ match: { host: API.Example.org }, pool: app }]",
      { routes: [{ match: { host: ["api.example.org"] }, pool: "app" }] },
    ],
    [
      'routes: [{ match: { host: [a.org, "[::1]", 10.0.0.1] }, pool: app }]',
      { routes: [{ match: { host: ["a.org", "[::1]", "10.0.0.1"] }, pool: "app" }] },
    ],
    [
      "routes: [{ match: { path: /v2 }, pool: app }]",
      { routes: [{ match: { path: { kind: "prefix", path: "/v2" } }, pool: "app" }] },
    ],
    [
      "routes: [{ match: { path: { exact: / } }, pool: app }]",
      { routes: [{ match: { path: { kind: "exact", path: "/" } }, pool: "app" }] },
    ],
    ["routes: [{ match: { method: get }, pool: app }]", { routes: [{ match: { method: ["GET"] }, pool: "app" }] }],
    [
      "routes: [{ match: { method: [GET, purge] }, pool: app }]",
      { routes: [{ match: { method: ["GET", "PURGE"] }, pool: "app" }] },
    ],
    [
      "routes: [{ match: { header: { X-Tenant: blue, X-Any: true, X-Empty: '' } }, pool: app }]",
      {
        routes: [
          {
            match: {
              headers: [{ name: "x-tenant", value: "blue" }, { name: "x-any" }, { name: "x-empty", value: "" }],
            },
            pool: "app",
          },
        ],
      },
    ],
  ];
  test.each(rows)("%s", (text, part) => expect(accepted(withListener(text)).listeners[0]).toMatchObject(part));

  const binds: readonly (readonly [text: string, bind: Config["listeners"][number]["bind"]])[] = [
    ["127.0.0.1:0", [{ host: "127.0.0.1", port: 0 }]],
    ["127.0.0.1:65535", [{ host: "127.0.0.1", port: 65_535 }]],
    ['"*:443"', [{ host: "*", port: 443 }]],
    ['"[::1]:443"', [{ host: "::1", port: 443 }]],
    ["localhost:80", [{ host: "127.0.0.1", port: 80 }]],
    [
      '[10.0.0.1:80, "[2001:db8::1]:80"]',
      [
        { host: "10.0.0.1", port: 80 },
        { host: "2001:db8::1", port: 80 },
      ],
    ],
    [
      "[127.0.0.1:0, 127.0.0.1:0]",
      [
        { host: "127.0.0.1", port: 0 },
        { host: "127.0.0.1", port: 0 },
      ],
    ],
    [
      '[0.0.0.0:80, "[::]:80"]',
      [
        { host: "0.0.0.0", port: 80 },
        { host: "::", port: 80 },
      ],
    ],
  ];
  test.each(binds)("bind: %s", (text, bind) =>
    expect(accepted(minimal.replace("127.0.0.1:8080", text)).listeners[0]?.bind).toEqual(bind),
  );

  test("with routes needs no pool", () => {
    const [listener] = accepted(
      minimal.replace("pool: app }", "routes: [{ match: { path: / }, pool: app }] }"),
    ).listeners;
    expect(listener).not.toHaveProperty("pool");
  });
});

describe("a pool", () => {
  const rows: readonly (readonly [text: string, part: Partial<Config["pools"][number]>])[] = [
    ["reuse: false", { reuse: false }],
    [
      "retry: { attempts: 1, on: [], bodyBytes: 0B, budget: { share: 0%, min: 0/s, burst: 0 } }",
      {
        retry: {
          attempts: 1,
          attemptTimeoutMs: 0,
          on: [],
          budget: { share: 0, minPerSecond: 0, burst: 0 },
          bodyBytes: 0,
        },
      },
    ],
    [
      "retry: { attempts: 10, attemptTimeout: 500ms, on: [400, 599], bodyBytes: 16MiB, budget: { share: 100%, min: 0.5/s, burst: 1000000 } }",
      {
        retry: {
          attempts: 10,
          attemptTimeoutMs: 500,
          on: [400, 599],
          budget: { share: 1, minPerSecond: 0.5, burst: 1_000_000 },
          bodyBytes: 16_777_216,
        },
      },
    ],
    [
      "timeouts: { connect: 1ms, response: 0s, idle: 1ms, total: 24h }",
      { timeouts: { connectMs: 1, responseMs: 0, idleMs: 1, totalMs: 86_400_000 } },
    ],
  ];
  test.each(rows)("%s", (text, part) => expect(accepted(withPool(text)).pools[0]).toMatchObject(part));

  const checks: readonly (readonly [text: string, check: NonNullable<Config["pools"][number]["health"]>["check"]])[] = [
    ["{}", { kind: "tcp" }],
    ["{ tcp: {} }", { kind: "tcp" }],
    ["{ tcp: { port: 65535 } }", { kind: "tcp", port: 65_535 }],
    [
      "{ http: {} }",
      {
        kind: "http",
        method: "GET",
        path: "/",
        headers: [],
        expect: { status: [{ from: 200, to: 299 }] },
      },
    ],
    [
      '{ http: { method: head, path: "/a?b=c", host: "api:80", port: 1, headers: { X-A: b }, expect: { status: [204, 300-399, "401"] } } }',
      {
        kind: "http",
        method: "HEAD",
        path: "/a?b=c",
        host: "api:80",
        port: 1,
        headers: [{ name: "X-A", value: "b" }],
        expect: {
          status: [
            { from: 204, to: 204 },
            { from: 300, to: 399 },
            { from: 401, to: 401 },
          ],
        },
      },
    ],
    [
      "{ http: { expect: { body: OK } } }",
      {
        kind: "http",
        method: "GET",
        path: "/",
        headers: [],
        expect: { status: [{ from: 200, to: 299 }], body: "OK" },
      },
    ],
  ];
  test.each(checks)("health: %s", (text, check) =>
    expect(accepted(withPool(`health: ${text}`)).pools[0]?.health?.check).toEqual(check),
  );
  test("health: off means no checks", () =>
    expect(accepted(withPool("health: off")).pools[0]).not.toHaveProperty("health"));

  const balances: readonly (readonly [text: string, balance: Config["pools"][number]["balance"]])[] = [
    ["least-requests", { kind: "least-requests" }],
    ["round-robin", { kind: "round-robin" }],
    ["random", { kind: "random", choices: 2 }],
    ["{ random: {} }", { kind: "random", choices: 2 }],
    ["{ random: { choices: 16 } }", { kind: "random", choices: 16 }],
    ["source", { kind: "source" }],
    ["{ hash: { header: X-Tenant } }", { kind: "hash", by: { from: "header", name: "x-tenant" } }],
    ["{ hash: { cookie: SID } }", { kind: "hash", by: { from: "cookie", name: "SID" } }],
    ["{ hash: { query: user } }", { kind: "hash", by: { from: "query", name: "user" } }],
    ["{ hash: { path: true } }", { kind: "hash", by: { from: "path" } }],
    ["peak-ewma", { kind: "peak-ewma" }],
    ["first", { kind: "first" }],
  ];
  test.each(balances)("balance: %s", (text, balance) =>
    expect(accepted(withPool(`balance: ${text}`)).pools[0]?.balance).toEqual(balance),
  );
  test("slowStart: 30s", () => expect(accepted(withPool("slowStart: 30s")).pools[0]?.slowStartMs).toBe(30_000));

  const endpoints: readonly (readonly [text: string, endpoint: Config["pools"][number]["endpoints"][number]])[] = [
    ["b1.example.org:80", { name: "b1.example.org:80", host: "b1.example.org", port: 80, weight: 1, backup: false }],
    ['"[::1]:80"', { name: "[::1]:80", host: "::1", port: 80, weight: 1, backup: false }],
    ["my_service:80", { name: "my_service:80", host: "my_service", port: 80, weight: 1, backup: false }],
    [
      "{ address: 'a:65535', name: b, weight: 256, backup: true }",
      { name: "b", host: "a", port: 65_535, weight: 256, backup: true },
    ],
  ];
  test.each(endpoints)("endpoint %s", (text, endpoint) =>
    expect(accepted(minimal.replace("127.0.0.1:9001", text)).pools[0]?.endpoints).toEqual([endpoint]),
  );
});

test("admin, process and log take their values", () => {
  const config = accepted(
    withTop(
      "admin: { bind: off }\nprocess: { workers: 64, connections: 1, drain: 0s }\nlog: { level: debug, format: json, access: { sample: 0.1%, file: /a } }",
    ),
  );
  expect(config.admin).toEqual({ socket: "/run/weichensteller/admin.sock" });
  expect(config.process).toMatchObject({ workers: 64, connections: 1, drainMs: 0 });
  expect(config.log).toEqual({
    level: "debug",
    format: "json",
    access: { format: "json", sample: 0.001, file: "/a" },
  });
  expect(accepted(withTop('admin: { bind: "[::1]:0" }\nlog: { access: {} }'))).toMatchObject({
    admin: { bind: { host: "::1", port: 0 } },
    log: { access: { format: "json", sample: 0 } },
  });
});

describe("warnings leave the configuration usable", () => {
  const rows: readonly (readonly [name: string, text: string, issue: string])[] = [
    [
      "a pool that nobody uses",
      withTop("").replace("pools: {", "pools: { spare: { endpoints: ['a:1'] },"),
      "useless pools.spare",
    ],
    [
      "all weights 0",
      minimal.replace("[127.0.0.1:9001]", "[{ address: 'a:1', weight: 0 }]"),
      "useless pools.app.endpoints",
    ],
    [
      "a check longer than its interval",
      withPool("health: { interval: 1s, timeout: 2s }"),
      "conflict pools.app.health.timeout",
    ],
    [
      "fast checks slower than others",
      withPool("health: { interval: 1s, fastInterval: 2s }"),
      "conflict pools.app.health.fastInterval",
    ],
    [
      "an attempt that takes the whole response time",
      withPool("retry: { attemptTimeout: 60s }"),
      "conflict pools.app.retry.attemptTimeout",
    ],
    [
      "response longer than total",
      withPool("timeouts: { response: 2s, total: 1s, connect: 1s }"),
      "conflict pools.app.timeouts.response",
    ],
    [
      "connect longer than total",
      withPool("timeouts: { connect: 2s, total: 1s }"),
      "conflict pools.app.timeouts.total",
    ],
    [
      "a target longer than the head",
      withListener("limits: { headBytes: 4KiB }"),
      "conflict listeners.api.limits.headBytes",
    ],
    [
      "a rate that is never judged",
      withListener("timeouts: { body: 0s, minRate: 1KiB/s }"),
      "useless listeners.api.timeouts.minRate",
    ],
    ["host bits in a network", withListener("trust: [10.0.0.1/8]"), "useless listeners.api.trust[0]"],
    [
      "a route behind the same route",
      withListener("routes: [{ match: { path: /a }, pool: app }, { match: { path: /a }, pool: app }]"),
      "useless listeners.api.routes[1]",
    ],
  ];
  test.each(rows)("%s", (_, text, issue) => expect(warnings(text)).toEqual([`warning ${issue}`]));
});

describe("anchors, aliases and merge keys", () => {
  test("stand for what they name", () => {
    const config = accepted(`version: 1
listeners: { a: { bind: 127.0.0.1:1, pool: one }, b: { bind: 127.0.0.1:2, pool: two } }
pools:
  one: &base
    endpoints: ["a:1"]
    retry: &retry { attempts: 2 }
    timeouts: { connect: 5s }
  two:
    <<: *base
    endpoints: ["b:1"]
    retry: *retry
`);
    expect(config.pools[1]).toMatchObject({
      endpoints: [{ host: "b" }],
      retry: { attempts: 2 },
      timeouts: { connectMs: 5000 },
    });
  });

  test("an issue in a merged part is where the part stands", () => {
    const { issues } = parseConfig(
      `version: 1\nlisteners: { a: { bind: 127.0.0.1:1, pool: one } }\npools:\n  one: &base\n    endpoints: ["a:1"]\n    reuse: maybe\n  two: { <<: *base }\n`,
      { file: "a" },
    );
    expect(
      issues.filter(({ code }) => code === "bad-value").map(({ path, line, column }) => `${path} ${line}:${column}`),
    ).toEqual(["pools.one.reuse 6:12", "pools.two.reuse 6:12"]);
  });
});

test("lines may end as on Windows, and begin with a byte order mark", () => {
  expect(accepted(`\ufeff${minimal.replaceAll("\n", "\r\n")}`)).toEqual(accepted(minimal));
});

test("1 000 pools of 10 endpoints are read and checked in under a second", () => {
  const ids = Array.from({ length: 1000 }, (_, i) => i);
  const routes = ids.map((i) => `      - { match: { path: /p${i}/ }, pool: pool${i} }\n`);
  const line = (i: number, j: number): string =>
    `      - { address: 10.0.${i % 250}.${j}:${9000 + i}, name: e${j}, weight: 2 }\n`;
  const pools = ids.map(
    (i) => `  pool${i}:\n    endpoints:\n${Array.from({ length: 10 }, (_, j) => line(i, j)).join("")}`,
  );
  const text = `version: 1\nlisteners:\n  api:\n    bind: 127.0.0.1:8080\n    routes:\n${routes.join("")}pools:\n${pools.join("")}`;
  // Time of the processor, because other tests may run beside this one.
  const before = process.cpuUsage();
  const config = accepted(text);
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(1000);
  expect(config.pools.length).toBe(1000);
});

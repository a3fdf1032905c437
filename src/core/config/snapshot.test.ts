import { describe, expect, test } from "bun:test";
import type { Config } from "../../model/config.ts";
import { needsRestart } from "./delta.ts";
import { type Allocation, compile, type CompileInput, emptyAllocation } from "./snapshot.ts";

const listener: Config["listeners"][number] = {
  name: "api",
  bind: [{ host: "127.0.0.1", port: 8080 }],
  protocol: "http",
  pool: "app",
  trust: [],
  limits: { connections: 1, headBytes: 1, headers: 1, targetBytes: 1 },
  timeouts: { headMs: 1, idleMs: 1, bodyMs: 1, minRate: 1, writeMs: 1 },
  forward: { xForwarded: true, forwarded: false, requestId: true, traceContext: true },
  underscores: "drop",
  halfClose: false,
  routes: [],
};

function pool(name: string, ...endpoints: readonly (readonly [string, number, number?])[]): Config["pools"][number] {
  return {
    name,
    balance: { kind: "round-robin" },
    slowStartMs: 0,
    endpoints: endpoints.map(([host, port, weight = 1]) => ({
      name: `${host}:${port}`,
      host,
      port,
      weight,
      backup: false,
    })),
    health: {
      check: { kind: "tcp" },
      intervalMs: 1,
      fastIntervalMs: 1,
      timeoutMs: 1,
      rise: 1,
      fall: 1,
      jitter: 0,
      initial: "up",
    },
    retry: {
      attempts: 1,
      attemptTimeoutMs: 0,
      on: [],
      budget: { share: 0, minPerSecond: 0, burst: 0 },
      bodyBytes: 0,
    },
    timeouts: { connectMs: 1, responseMs: 1, idleMs: 1, totalMs: 0 },
    reuse: true,
  };
}

function config(...pools: Config["pools"][number][]): Config {
  return {
    listeners: [listener],
    pools,
    admin: { socket: "/run/a.sock" },
    process: { workers: 1, connections: 1, data: "/", drainMs: 1 },
    log: { level: "info", format: "auto" },
  };
}

const nothingYet: Allocation = emptyAllocation({ rows: 4, slots: 2 });

function compiled(changes: Partial<CompileInput> & Pick<CompileInput, "config">) {
  const base = {
    revision: 1,
    before: nothingYet,
    isRowBusy: () => false,
    addresses: new Map(),
    sockets: new Map(),
    connectionsMax: 7,
  };
  const result = compile({ ...base, ...changes });
  if (result.kind === "refused") throw new Error(result.why);
  return result;
}

function rows(result: ReturnType<typeof compiled>): Record<string, number> {
  const pairs = result.snapshot.pools.flatMap(({ name, endpoints }) =>
    endpoints.map((endpoint) => [`${name}/${endpoint.name}`, endpoint.row]),
  );
  return Object.fromEntries(pairs) as Record<string, number>;
}

describe("compile", () => {
  test("an endpoint keeps its row while pool, name and address stay; the same address elsewhere is another endpoint", () => {
    const first = compiled({ config: config(pool("a", ["10.0.0.1", 1], ["10.0.0.2", 1])) });
    expect(rows(first)).toEqual({ "a/10.0.0.1:1": 0, "a/10.0.0.2:1": 1 });
    const next = config(pool("b", ["10.0.0.1", 1]), pool("a", ["10.0.0.2", 1, 5]));
    expect(rows(compiled({ config: next, before: first.allocation }))).toEqual({
      "b/10.0.0.1:1": 2,
      "a/10.0.0.2:1": 1,
    });
  });

  test("literals are their own address, names get theirs, a name that does not resolve has none", () => {
    const { snapshot } = compiled({
      config: config(pool("a", ["10.0.0.1", 1], ["::1", 1], ["b.example", 1], ["c.example", 1])),
      addresses: new Map([["b.example", "10.0.0.9"]]),
    });
    expect(snapshot.pools[0]!.endpoints.map(({ ip }) => ip)).toEqual(["10.0.0.1", "::1", "10.0.0.9", undefined]);
  });

  test("workers get no checks, and the sockets as they inherit them", () => {
    const sockets = new Map([["api", [{ host: "127.0.0.1", port: 4000, fd: 3 }]]]);
    const { snapshot } = compiled({ config: config(pool("a", ["10.0.0.1", 1])), sockets });
    expect("health" in snapshot.pools[0]!).toBe(false);
    expect(snapshot.listeners[0]).toMatchObject({
      slot: 0,
      sockets: [{ host: "127.0.0.1", port: 4000, fd: 3 }],
    });
    expect(snapshot).toMatchObject({ revision: 1, connectionsMax: 7 });
  });

  test("rows that are still busy do not suffice for a fifth endpoint", () => {
    const first = compiled({
      config: config(pool("a", ["10.0.0.1", 1], ["10.0.0.2", 1], ["10.0.0.3", 1], ["10.0.0.4", 1])),
    });
    const input = {
      revision: 2,
      config: config(pool("a", ["10.0.0.5", 1])),
      before: first.allocation,
      addresses: new Map(),
      sockets: new Map(),
      connectionsMax: 1,
    };
    expect(compile({ ...input, isRowBusy: () => true }).kind).toBe("refused");
    const reuse = compile({ ...input, isRowBusy: (row) => row === 0 });
    expect(reuse).toMatchObject({ kind: "compiled", reusedRows: [1] });
  });

  test("a snapshot survives the link: it is plain JSON", () => {
    const { snapshot } = compiled({ config: config(pool("a", ["10.0.0.1", 1], ["c.example", 1])) });
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
  });
});

describe("needsRestart", () => {
  const before = config(pool("a", ["10.0.0.1", 1]));
  const web = { ...listener, name: "web" };

  test.each<[string, Config, string[]]>([
    [
      "pools, log and drain apply in place",
      { ...config(pool("b", ["10.0.0.2", 1])), log: { level: "debug", format: "json" } },
      [],
    ],
    ["limits of a listener apply in place", { ...before, listeners: [{ ...listener, trust: ["10.0.0.0/8"] }] }, []],
    [
      "another port",
      { ...before, listeners: [{ ...listener, bind: [{ host: "127.0.0.1", port: 81 }] }] },
      ["listeners.api.bind changed from 127.0.0.1:8080 to 127.0.0.1:81"],
    ],
    ["another listener", { ...before, listeners: [listener, web] }, ["listeners.web is new"]],
    ["renamed", { ...before, listeners: [web] }, ["listeners.api was removed", "listeners.web is new"]],
    ["another admin socket", { ...before, admin: { socket: "/b" } }, ["admin.socket changed from /run/a.sock to /b"]],
    [
      "more workers",
      { ...before, process: { ...before.process, workers: 2 } },
      ["process.workers changed from 1 to 2"],
    ],
  ])("%s", (_name, next, expected) => {
    expect(needsRestart(before, next)).toEqual(expected);
  });
});

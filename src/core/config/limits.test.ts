import { describe, expect, test } from "bun:test";
import type { PoolConfig } from "../../model/config.ts";
import { parseConfig } from "./load.ts";

/** One pool with one endpoint: what is said about it, and what it becomes. */
function load(endpoint: string, pool = "{}"): { readonly issues: readonly string[]; readonly pool?: PoolConfig } {
  const text = `version: 1
listeners: { api: { bind: 127.0.0.1:8080, pool: app } }
pools: { app: { endpoints: [${endpoint}], ${pool.slice(1)} }
`;
  const { config, issues } = parseConfig(text, { file: "a.yaml" });
  const said = issues.map(({ severity, code, path }) => `${severity} ${code} ${path}`);
  const [first] = config?.pools ?? [];
  return first === undefined ? { issues: said } : { issues: said, pool: first };
}

const limited = "{ address: 'a:1', limits: { requests: 1 } }";

describe("limits of an endpoint", () => {
  test.each([
    ["{}", undefined],
    ["{ requests: unlimited, connections: unlimited }", undefined],
    ["{ requests: 1 }", { requests: 1 }],
    ["{ requests: 1000000, connections: 1 }", { requests: 1_000_000, connections: 1 }],
    ["{ requests: unlimited, connections: 1000000 }", { connections: 1_000_000 }],
  ])("%s", (text, expected) => {
    const { issues, pool } = load(`{ address: 'a:1', limits: ${text} }`);
    expect(issues).toEqual([]);
    expect(pool?.endpoints[0]?.limits).toEqual(expected);
  });
});

describe("the queue of a pool with limits", () => {
  test.each([
    ["{}", { requests: 1000, timeoutMs: 10_000 }],
    ["{ requests: 0 }", { requests: 0, timeoutMs: 10_000 }],
    ["{ requests: 1000000, timeout: 1ms }", { requests: 1_000_000, timeoutMs: 1 }],
    ["{ timeout: 24h }", { requests: 1000, timeoutMs: 86_400_000 }],
  ])("%s", (text, expected) => {
    const { issues, pool } = load(limited, `{ queue: ${text} }`);
    expect(issues).toEqual([]);
    expect(pool?.queue).toEqual(expected);
  });
});

describe("what contradicts itself is a warning, and usable", () => {
  test.each([
    ["a queue without limits", "127.0.0.1:1", "{ queue: { requests: 5 } }", "useless pools.app.queue"],
    [
      "a queue that outlasts the total time",
      limited,
      "{ timeouts: { total: 5s, response: 5s }, queue: { timeout: 6s } }",
      "conflict pools.app.queue.timeout",
    ],
    [
      "a time-out of a queue that nobody is in",
      "{ address: 'a:1', limits: { connections: 1 } }",
      "{ queue: { requests: 0, timeout: 1s } }",
      "useless pools.app.queue.timeout",
    ],
  ])("%s", (_, endpoint, pool, issue) => {
    const loaded = load(endpoint, pool);
    expect(loaded.issues).toEqual([`warning ${issue}`]);
    expect(loaded.pool).toBeDefined();
  });

  test("the defaults, spelt out, are no mistake", () => {
    expect(load("127.0.0.1:1", "{ queue: { requests: 1000, timeout: 10s } }").issues).toEqual([]);
  });
});

test("4096 pools are allowed, 4097 are too many", () => {
  const codes = (count: number): readonly string[] => {
    const names = Array.from({ length: count }, (_, index) => `p${index}`);
    const pools = names.map((name) => `  ${name}: { endpoints: ['a:1'] }\n`).join("");
    const text = `version: 1\nlisteners: { api: { bind: 127.0.0.1:1, pool: p0 } }\npools:\n${pools}`;
    return (
      parseConfig(text, { file: "a" })
        // Nobody uses most of them, which is said so often that the rest is cut.
        .issues.filter(({ code }) => code === "too-many")
        .map(({ code, path }) => `${code} ${path}`)
    );
  };
  expect(codes(4096)).toEqual([]);
  expect(codes(4097)).toEqual(["too-many pools"]);
});

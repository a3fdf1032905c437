import { expect, test } from "bun:test";
import type { Config } from "../model/config.ts";
import type { OsResult } from "../platform/ports.ts";
import { EndpointNames } from "./endpoint-names.ts";

const failure = { ok: false, code: "ENOTFOUND", text: "the name does not resolve" } as const;

/** A resolver with a table, and timers that fire when the test says so. */
function world(table: Record<string, string>) {
  const asked: string[] = [];
  const due: { delayMs: number; run: () => void }[] = [];
  const lines: string[] = [];
  const found = Promise.withResolvers<void>();
  const names = new EndpointNames(
    {
      names: {
        async resolve(host): Promise<OsResult<string>> {
          asked.push(host);
          const ip = table[host];
          return ip === undefined ? failure : { ok: true, value: ip };
        },
      },
      timers: {
        after(delayMs, run) {
          const timer = { delayMs, run };
          due.push(timer);
          return () => void (due.includes(timer) && due.splice(due.indexOf(timer), 1));
        },
        every: () => () => undefined,
      },
      log: (level, _code, text) => void lines.push(`${level} ${text}`),
    },
    found.resolve,
  );
  return { names, asked, due, lines, found: found.promise };
}

function config(...hosts: string[]): Config {
  const endpoints = hosts.map((host) => ({ host }));
  return { pools: [{ endpoints }] } as unknown as Config;
}

test("each name is asked for once, literals never", async () => {
  const { names, asked } = world({ "a.example": "10.0.0.1" });
  const { addresses, missing } = await names.resolveAll(
    config("a.example", "10.0.0.2", "::1", "a.example", "b.example"),
  );
  expect(asked).toEqual(["a.example", "b.example"]);
  expect([...addresses]).toEqual([["a.example", "10.0.0.1"]]);
  expect([...missing.keys()]).toEqual(["b.example"]);
});

test("a missing name is asked for again after 5 s, only that one, and its address is told", async () => {
  const table: Record<string, string> = { "a.example": "10.0.0.1" };
  const { names, asked, due, lines, found } = world(table);
  names.use(await names.resolveAll(config("a.example", "b.example")));
  expect(lines).toEqual(["warn endpoint name b.example: the name does not resolve; its endpoints are DOWN"]);
  expect(due.map(({ delayMs }) => delayMs)).toEqual([5_000]);
  table["b.example"] = "10.0.0.2";
  due.shift()!.run();
  await found;
  expect(asked.slice(2)).toEqual(["b.example"]);
  expect([...names.known.addresses.values()]).toEqual(["10.0.0.1", "10.0.0.2"]);
  expect(lines.at(-1)).toBe("info endpoint name b.example is 10.0.0.2 now");
  expect(due).toEqual([]);
});

test("stop ends the asking", async () => {
  const { names, due } = world({});
  names.use(await names.resolveAll(config("b.example")));
  names.stop();
  expect(due).toEqual([]);
});

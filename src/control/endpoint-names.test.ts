import { expect, test } from "bun:test";
import type { Config } from "../model/config.ts";
import type { OsResult } from "../platform/ports.ts";
import { EndpointNames } from "./endpoint-names.ts";

const failure = { ok: false, code: "ENOTFOUND", text: "the name does not resolve" } as const;

/** A resolver with a table, and timers that fire when the test says so. */
function world(table: Record<string, readonly string[]>) {
  const asked: string[] = [];
  const due: { delayMs: number; run: () => void }[] = [];
  const lines: string[] = [];
  let changed = Promise.withResolvers<void>();
  let answered = Promise.withResolvers<void>();
  const names = new EndpointNames(
    {
      names: {
        async resolve(host): Promise<OsResult<readonly string[]>> {
          asked.push(host);
          const ips = table[host];
          return ips === undefined ? failure : { ok: true, value: ips };
        },
      },
      timers: {
        after(delayMs, run) {
          const timer = { delayMs, run };
          due.push(timer);
          answered.resolve();
          return () => void (due.includes(timer) && due.splice(due.indexOf(timer), 1));
        },
        every: () => () => undefined,
      },
      log: (level, _code, text) => void lines.push(`${level} ${text}`),
    },
    () => changed.resolve(),
  );
  return {
    names,
    asked,
    due,
    lines,
    waits: () => due.map(({ delayMs }) => delayMs),
    /** The next timer fires; settles when the answer is in use and the one after it is planned. */
    async turn() {
      answered = Promise.withResolvers<void>();
      due.shift()!.run(); // the test knows that one is there
      await answered.promise;
    },
    async untilChanged() {
      await changed.promise;
      changed = Promise.withResolvers<void>();
    },
  };
}

function config(...hosts: string[]): Config {
  const endpoints = hosts.map((host) => ({ host }));
  return { pools: [{ endpoints }] } as unknown as Config;
}

test("each name is asked for once, literals never", async () => {
  const { names, asked } = world({ "a.example": ["10.0.0.1"] });
  const { addresses, missing } = await names.resolveAll(
    config("a.example", "10.0.0.2", "::1", "a.example", "b.example"),
  );
  expect(asked).toEqual(["a.example", "b.example"]);
  expect([...addresses]).toEqual([["a.example", "10.0.0.1"]]);
  expect([...missing.keys()]).toEqual(["b.example"]);
});

test("a missing name is asked for again after 5 s, only that one, and its address is told", async () => {
  const table: Record<string, readonly string[]> = { "a.example": ["10.0.0.1"] };
  const { names, asked, waits, lines, turn, untilChanged } = world(table);
  names.use(await names.resolveAll(config("a.example", "b.example")));
  expect(lines).toEqual(["warn endpoint name b.example: the name does not resolve; its endpoints are DOWN"]);
  expect(waits()).toEqual([5_000]);
  table["b.example"] = ["10.0.0.2"];
  await turn();
  await untilChanged();
  expect(asked.slice(2)).toEqual(["b.example"]);
  expect([...names.known.addresses.values()]).toEqual(["10.0.0.1", "10.0.0.2"]);
  expect(lines.at(-1)).toBe("info endpoint name b.example is 10.0.0.2 now");
  expect(waits()).toEqual([30_000]);
});

test("after 30 s every name is asked for again, and another address is told", async () => {
  const table: Record<string, readonly string[]> = { "a.example": ["10.0.0.1"], "b.example": ["10.0.0.2"] };
  const { names, asked, lines, turn, untilChanged } = world(table);
  names.use(await names.resolveAll(config("a.example", "b.example")));
  table["b.example"] = ["10.0.0.3"];
  await turn();
  await untilChanged();
  expect(asked.slice(2)).toEqual(["a.example", "b.example"]);
  expect(names.known.addresses.get("b.example")).toBe("10.0.0.3");
  expect(lines).toEqual(["info endpoint name b.example is 10.0.0.3 now, was 10.0.0.2"]);
});

test("an address stays while it is among the answers, in whatever order they come", async () => {
  const table: Record<string, readonly string[]> = { "a.example": ["10.0.0.1", "10.0.0.2"] };
  const { names, lines, turn } = world(table);
  names.use(await names.resolveAll(config("a.example")));
  table["a.example"] = ["10.0.0.2", "10.0.0.1"];
  await turn();
  expect(names.known.addresses.get("a.example")).toBe("10.0.0.1");
  expect(lines).toEqual([]);
});

test("a resolver that fails takes nothing away, and is asked every 5 s", async () => {
  const table: Record<string, readonly string[]> = { "a.example": ["10.0.0.1"] };
  const { names, lines, turn, waits } = world(table);
  names.use(await names.resolveAll(config("a.example")));
  delete table["a.example"];
  for (let round = 0; round < 3; round++) await turn();
  expect(names.known.addresses.get("a.example")).toBe("10.0.0.1");
  expect(lines).toEqual(["warn endpoint name a.example: the name does not resolve; 10.0.0.1 stays in use"]);
  expect(waits()).toEqual([5_000]);
  // A reload in the meantime finds the last address too.
  expect((await names.resolveAll(config("a.example"))).addresses.get("a.example")).toBe("10.0.0.1");
  table["a.example"] = ["10.0.0.1"];
  await turn();
  expect(lines.at(-1)).toBe("info endpoint name a.example resolves again");
  expect(waits()).toEqual([30_000]);
});

test("names in good times are asked for every 30 s also while another one is missing", async () => {
  const { names, asked, turn } = world({ "a.example": ["10.0.0.1"] });
  names.use(await names.resolveAll(config("a.example", "b.example")));
  asked.length = 0;
  for (let round = 0; round < 6; round++) await turn();
  expect(asked.filter((host) => host === "a.example")).toHaveLength(1);
  expect(asked.filter((host) => host === "b.example")).toHaveLength(6);
});

test("a name whose endpoint failed its checks is asked for at once, but not all the time", async () => {
  const table: Record<string, readonly string[]> = { "a.example": ["10.0.0.1"] };
  const { names, asked, due, untilChanged } = world(table);
  names.use(await names.resolveAll(config("a.example", "10.0.0.9")));
  table["a.example"] = ["10.0.0.2"];
  for (let i = 0; i < 3; i++) names.suspect("a.example");
  names.suspect("10.0.0.9");
  await untilChanged();
  expect(asked).toEqual(["a.example", "a.example"]);
  due.find(({ delayMs }) => delayMs === 5_000)!.run(); // the suspicion is forgotten
  names.suspect("a.example");
  expect(asked).toHaveLength(3);
});

test("stop ends the asking", async () => {
  const { names, due } = world({ "a.example": ["10.0.0.1"] });
  names.use(await names.resolveAll(config("a.example", "b.example")));
  names.suspect("a.example");
  names.stop();
  expect(due).toEqual([]);
});

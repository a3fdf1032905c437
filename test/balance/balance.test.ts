import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Balancer, startBalancer } from "../support/balancer.ts";
import { get } from "../support/bench.ts";
import { ask, connectRaw, type RawClient } from "../support/raw-client.ts";
import { answerWith, type OriginScript, RawOrigin, reply, startOrigin } from "../support/raw-origin.ts";

// Above every bound of the helpers, so that they say what did not come.
setDefaultTimeout(20_000);

/** One program with a listener and a pool for each way of balancing, before three origins, served by two workers. */
const ways: Readonly<Record<string, string>> = {
  usual: "",
  random: "balance: { random: { choices: 2 } }",
  source: "balance: source",
  header: "balance: { hash: { header: X-Tenant } }",
  cookie: "balance: { hash: { cookie: sid } }",
  query: "balance: { hash: { query: user } }",
  path: "balance: { hash: { path: true } }",
  latency: "balance: peak-ewma",
  first: "balance: first",
};

let origins: readonly RawOrigin[] = [];
let balancer: Balancer;

beforeAll(async () => {
  origins = [startOrigin(), startOrigin(), startOrigin()];
  const names = Object.keys(ways);
  const listeners = names.map((name) => `  ${name}: { bind: 127.0.0.1:0, pool: ${name} }\n`);
  const endpoints = origins.map(({ endpoint }) => endpoint).join(", ");
  const pools = names.map(
    (name) => `  ${name}:\n    endpoints: [${endpoints}]\n    health: off\n    ${ways[name] ?? ""}\n`,
  );
  balancer = await startBalancer(`listeners:\n${listeners.join("")}pools:\n${pools.join("")}`, { workers: 2 });
});
afterAll(async () => {
  await balancer.stop();
  for (const origin of origins) origin.stop();
});

const clients: RawClient[] = [];
const holding: (() => void)[] = [];

beforeEach(() => {
  for (const origin of origins) {
    origin.resetAll();
    origin.script = answerWith(reply());
  }
});
afterEach(async () => {
  for (const release of holding.splice(0)) release();
  for (const client of clients.splice(0)) client.close();
  await balancer.untilIdle();
  expect(origins.flatMap(({ faults }) => faults)).toEqual([]);
});

/** Answers nothing until the test lets go, but fast questions at once. */
const holdsOn: OriginScript = async ({ request, connection, untilBody }) => {
  await untilBody();
  if (!request.target.startsWith("/hold")) connection.send(reply());
  else holding.push(() => connection.send(reply()));
};

const counts = (): readonly number[] => origins.map(({ requests }) => requests.length);

/** Asks once, and says which origin answered. */
async function originOf(listener: string, request: string): Promise<number> {
  const before = counts();
  const answer = await ask(balancer.address(listener), request);
  expect(answer.status).toBe(200);
  return counts().findIndex((count, index) => count > before[index]!);
}

/** Opens connections until both workers have some. */
async function connectToBothWorkers(listener: string, count: number): Promise<readonly RawClient[]> {
  const opened: RawClient[] = [];
  for (let rounds = 0; rounds < 20; rounds++) {
    opened.push(...(await Promise.all(Array.from({ length: count }, () => connectRaw(balancer.address(listener))))));
    const status = await balancer.untilStatus(
      "all connections are accepted",
      ({ workers }) => workers.reduce((sum, { counters }) => sum + counters.connectionsNow, 0) >= opened.length,
    );
    if (status.workers.every((worker) => worker.counters.connectionsNow > 0)) break;
  }
  clients.push(...opened);
  const { workers } = await balancer.status();
  expect(workers.map(({ counters }) => counters.connectionsNow > 0)).toEqual([true, true]);
  return opened;
}

describe("least-requests, the default", () => {
  test("an idle pool takes turns", async () => {
    const client = await connectRaw(balancer.address("usual"));
    clients.push(client);
    for (let count = 1; count <= 30; count++) {
      client.send(get());
      await client.untilResponses(count);
    }
    expect(counts()).toEqual([10, 10, 10]);
  });

  test("counts what runs in both workers: each endpoint holds the same, one attempt after the other", async () => {
    for (const origin of origins) origin.script = holdsOn;
    const opened = await connectToBothWorkers("usual", 12);
    for (const [index, client] of opened.slice(0, 12).entries()) {
      client.send(get("/hold"));
      await Promise.any(
        origins.map((origin) => origin.until("the request", () => counts().reduce((a, b) => a + b) > index)),
      );
      const now = counts();
      expect(Math.max(...now) - Math.min(...now)).toBeLessThanOrEqual(1);
    }
    expect(counts()).toEqual([4, 4, 4]);
  });

  test("a worker avoids an endpoint that another worker has filled", async () => {
    for (const origin of origins) origin.script = holdsOn;
    const opened = await connectToBothWorkers("usual", 8);
    const busy = opened[0]!;
    busy.send(get("/hold"));
    await Promise.any(origins.map((origin) => origin.until("the request", () => origin.requests.length === 1)));
    const busyAt = counts().indexOf(1);
    for (const client of opened.slice(1)) {
      client.send(get("/fast"));
      await client.untilResponses(1);
    }
    expect(counts()[busyAt]).toBe(1);
    expect(counts().reduce((a, b) => a + b)).toBe(opened.length);
  });
});

describe("hash", () => {
  const requests: Readonly<Record<string, (key: string) => string>> = {
    header: (key) => get("/", `x-tenant: ${key}`),
    cookie: (key) => get("/", `Cookie: a=b; sid=${key}`),
    query: (key) => get(`/?a=b&user=${key}`),
    path: (key) => get(`/${key}?${Math.random()}`),
  };
  for (const [listener, request] of Object.entries(requests)) {
    test(`${listener}: the same endpoint for the same key, and not the same for all`, async () => {
      const used = new Set<number>();
      for (let number = 0; number < 12; number++) {
        const first = await originOf(listener, request(`k${number}`));
        used.add(first);
        for (let again = 0; again < 3; again++) expect(await originOf(listener, request(`k${number}`))).toBe(first);
      }
      expect(used.size).toBeGreaterThan(1);
    });
  }

  test("without a key requests take turns", async () => {
    for (let count = 0; count < 12; count++) await originOf("header", get());
    expect(Math.min(...counts())).toBeGreaterThan(0);
  });

  test("when many ask for one key at once, its endpoint gets its share and a quarter", async () => {
    for (const origin of origins) origin.script = holdsOn;
    const opened = await connectToBothWorkers("header", 12);
    for (const [index, client] of opened.slice(0, 12).entries()) {
      client.send(get("/hold", "X-Tenant: one"));
      await Promise.any(
        origins.map((origin) => origin.until("the request", () => counts().reduce((a, b) => a + b) > index)),
      );
    }
    // ⌈12 × 1.25 / 3⌉
    expect(Math.max(...counts())).toBe(5);
  });

  test("a retry goes on along the ring, where other requests for the key go as well", async () => {
    const key = get("/", "X-Tenant: moving");
    const home = await originOf("header", key);
    for (const origin of origins) origin.resetAll();
    origins[home]!.script = ({ connection }) => connection.reset();
    const second = await originOf("header", key);
    expect(counts()[home]).toBeGreaterThan(0);
    const others = counts().flatMap((count, index) => (index !== home && count > 0 ? [index] : []));
    expect(others.length).toBe(1);
    for (let again = 0; again < 3; again++) await originOf("header", key);
    const moved = counts().flatMap((count, index) => (index !== home && count > 0 ? [index] : []));
    expect(moved).toEqual(others);
    expect([home, ...others]).toContain(second);
  });
});

test("source: one endpoint for one client address, in both workers", async () => {
  const opened = await connectToBothWorkers("source", 8);
  for (const client of opened) {
    client.send(get());
    await client.untilResponses(1);
  }
  expect(counts().toSorted((a, b) => a - b)).toEqual([0, 0, opened.length]);
});

test("random: everybody gets something", async () => {
  for (let count = 0; count < 60; count++) await originOf("random", get());
  expect(Math.min(...counts())).toBeGreaterThan(0);
});

test("peak-ewma: a slow endpoint gets little", async () => {
  origins[0]!.script = async ({ connection, untilBody }) => {
    await untilBody();
    await Bun.sleep(150);
    connection.send(reply());
  };
  for (let count = 0; count < 40; count++) await originOf("latency", get());
  // One attempt of each worker, and one more that came before the first answer was there.
  expect(counts()[0]).toBeLessThanOrEqual(3);
  expect(counts()[0]).toBeGreaterThan(0);
});

test("first: one endpoint for all, and the next one when it fails", async () => {
  for (let count = 0; count < 10; count++) await originOf("first", get());
  expect(counts()).toEqual([10, 0, 0]);
  origins[0]!.script = ({ connection }) => connection.reset();
  await ask(balancer.address("first"), get());
  expect(counts()).toEqual([11, 1, 0]);
});

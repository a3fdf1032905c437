import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { get, send } from "../support/bench.ts";
import { ask, connectRaw, type RawClient } from "../support/raw-client.ts";
import { clientsPerWorker, type Limited, queued, untilNothingRuns, withLimited } from "./support/limited.ts";

setDefaultTimeout(30_000);

/** Takes the only place; the request that holds it is the origin's first. */
async function hold({ address, origin }: Limited): Promise<RawClient> {
  const client = await connectRaw(address);
  client.send(get("/held"));
  await origin.untilRequests(1);
  return client;
}

async function waiter({ address, balancer }: Limited, target: string, place: number): Promise<RawClient> {
  const client = await connectRaw(address);
  client.send(get(target));
  await queued(balancer, place);
  return client;
}

const one = "{ requests: 1 }";

describe("the queue", () => {
  test("the oldest goes first", () =>
    withLimited({ limits: one, workers: 1 }, async (limited) => {
      const { origin } = limited;
      const clients = [await hold(limited)];
      for (let place = 1; place <= 5; place++) clients.push(await waiter(limited, `/${place}`, place));
      for (let place = 1; place <= 5; place++) {
        origin.requests.at(-1)!.answer();
        expect((await origin.untilRequests(place + 1)).line).toBe(`GET /${place} HTTP/1.1`);
      }
      origin.requests.at(-1)!.answer();
      for (const client of clients) {
        expect((await client.untilResponses(1))[0]?.status).toBe(200);
        client.close();
      }
      const [pool] = (await limited.balancer.status()).pools;
      expect(pool?.counters).toMatchObject({ queued: 5, queueFull: 0, queueTimeouts: 0, queueLeft: 0 });
      expect(pool?.counters.queueWaitMs).toBeGreaterThan(0);
    }));

  test("another worker's older exchanges are not overtaken for long", () =>
    withLimited({ limits: one }, async (limited) => {
      const { balancer, origin } = limited;
      const [first, second] = (await clientsPerWorker(limited, 6)) as [RawClient[], RawClient[]];
      first[0]!.send(get("/held"));
      await origin.untilRequests(1);
      // The old one waits where the place is not; the worker that holds it has always somebody younger of its own.
      second[0]!.send(get("/old"));
      await queued(balancer, 1);
      await Bun.sleep(100);
      for (const [at, client] of first.slice(1).entries()) client.send(get(`/young${at}`));
      await queued(balancer, first.length);
      origin.requests[0]!.answer();
      const next = await origin.untilRequests(2);
      expect(next.line).toContain("/old");
      origin.answersAtOnce = true;
      next.answer();
      for (const client of first.slice(1)) expect((await client.untilResponses(1))[0]?.status).toBe(200);
      for (const client of [...first, ...second]) client.close();
    }));

  test("a frozen worker with older exchanges keeps nobody from a free place", () =>
    withLimited({ limits: one }, async (limited) => {
      const { balancer, origin } = limited;
      const [first, second] = (await clientsPerWorker(limited, 2)) as [RawClient[], RawClient[]];
      first[0]!.send(get("/held"));
      await origin.untilRequests(1);
      second[0]!.send(get("/frozen"));
      await queued(balancer, 1);
      const pid = (await balancer.workers())[1]!;
      process.kill(pid, "SIGSTOP");
      try {
        await Bun.sleep(100);
        first[1]!.send(get("/young"));
        await queued(balancer, 2);
        origin.requests[0]!.answer();
        expect((await origin.untilRequests(2)).line).toContain("/young");
        origin.requests[1]!.answer();
        expect((await first[1]!.untilResponses(1))[0]?.status).toBe(200);
      } finally {
        process.kill(pid, "SIGCONT");
      }
      expect((await origin.untilRequests(3)).line).toContain("/frozen");
      origin.requests[2]!.answer();
      expect((await second[0]!.untilResponses(1))[0]?.status).toBe(200);
      for (const client of [...first, ...second]) client.close();
    }));

  test("full, over both workers: 503 with Retry-After, and the connection stays", () =>
    withLimited({ limits: one, pool: ["queue: { requests: 2 }"] }, async (limited) => {
      const { balancer, origin } = limited;
      const clients = (await clientsPerWorker(limited, 3)).flat();
      clients[0]!.send(get("/held"));
      await origin.untilRequests(1);
      clients[1]!.send(get("/1"));
      await queued(balancer, 1);
      clients[3]!.send(get("/2"));
      await queued(balancer, 2);
      // A client of each worker: the bound is the node's.
      for (const client of [clients[2]!, clients[4]!]) {
        client.send(get("/past"));
        const [answer] = await client.untilResponses(1);
        expect(answer?.status).toBe(503);
        expect(answer?.body.toString()).toStartWith("503 queue-full: ");
        expect(client.text).toContain("\r\nRetry-After: 1\r\n");
        expect(client.ending).toBeUndefined();
      }
      expect((await balancer.status()).pools[0]?.counters.queueFull).toBe(2);
      origin.answersAtOnce = true;
      origin.requests[0]!.answer();
      for (const client of [clients[0]!, clients[1]!, clients[3]!])
        expect((await client.untilResponses(1))[0]?.status).toBe(200);
      clients[2]!.send(get("/again"));
      expect((await clients[2]!.untilResponses(2))[1]?.status).toBe(200);
      for (const client of clients) client.close();
    }));

  test("requests: 0 lets nobody wait", () =>
    withLimited({ limits: one, workers: 1, pool: ["queue: { requests: 0 }"] }, async (limited) => {
      const holder = await hold(limited);
      const refused = await ask(limited.address, get());
      expect([refused.status, refused.body.toString().split(":")[0]]).toEqual([503, "503 queue-full"]);
      limited.origin.requests[0]!.answer();
      expect((await holder.untilResponses(1))[0]?.status).toBe(200);
      holder.close();
    }));

  test("too long in it: 503 with Retry-After, after queue.timeout", () =>
    withLimited({ limits: one, workers: 1, pool: ["queue: { timeout: 200ms }"] }, async (limited) => {
      const holder = await hold(limited);
      const startedMs = performance.now();
      const client = await connectRaw(limited.address);
      client.send(get());
      const [answer] = await client.untilResponses(1);
      expect(performance.now() - startedMs).toBeGreaterThan(170);
      expect([answer?.status, answer?.body.toString().split(":")[0]]).toEqual([503, "503 queue-timeout"]);
      expect(client.text).toContain("\r\nRetry-After: 1\r\n");
      expect((await limited.balancer.status()).pools[0]?.counters.queueTimeouts).toBe(1);
      limited.origin.requests[0]!.answer();
      for (const each of [holder, client]) each.close();
    }));

  test("timeouts.total ends the wait, too", () =>
    withLimited({ limits: one, workers: 1, pool: ["timeouts: { total: 600ms }"] }, async (limited) => {
      const holder = await connectRaw(limited.address);
      holder.send(get("/held"));
      await limited.origin.untilRequests(1);
      const client = await connectRaw(limited.address);
      client.send(get("/waits"));
      await queued(limited.balancer, 1);
      for (const each of [holder, client]) expect((await each.untilResponses(1))[0]?.status).toBe(504);
      expect((await limited.balancer.status()).pools[0]?.counters.queued).toBe(1);
      for (const each of [holder, client]) each.close();
    }));

  for (const [how, leave] of [
    ["closes", (client: RawClient) => client.finish()],
    ["resets", (client: RawClient) => client.reset()],
  ] as const) {
    test(`a client that ${how} while it waits is taken out, and its request goes nowhere`, () =>
      withLimited({ limits: one, workers: 1 }, async (limited) => {
        const { balancer, origin } = limited;
        const holder = await hold(limited);
        const leaving = await waiter(limited, "/leaves", 1);
        const staying = await waiter(limited, "/stays", 2);
        leave(leaving);
        await queued(balancer, 1);
        origin.requests[0]!.answer();
        expect((await origin.untilRequests(2)).line).toContain("/stays");
        origin.requests[1]!.answer();
        expect((await staying.untilResponses(1))[0]?.status).toBe(200);
        await untilNothingRuns(balancer);
        expect(origin.requests.length).toBe(2);
        const [pool] = (await balancer.status()).pools;
        expect(pool?.counters.queueLeft).toBe(1);
        for (const client of [holder, staying]) client.close();
      }));
  }

  test("a client that leaves while its request runs: the attempt is called off, and its place is free", () =>
    withLimited({ limits: one, workers: 1 }, async (limited) => {
      const holder = await hold(limited);
      const next = await waiter(limited, "/next", 1);
      holder.reset();
      expect((await limited.origin.untilRequests(2)).line).toContain("/next");
      limited.origin.requests[1]!.answer();
      expect((await next.untilResponses(1))[0]?.status).toBe(200);
      next.close();
    }));

  test("a pipelined request waits in its turn", () =>
    withLimited({ limits: one, workers: 1 }, async (limited) => {
      const { origin, address } = limited;
      const client = await connectRaw(address);
      client.send(get("/1") + get("/2") + get("/3"));
      for (let count = 1; count <= 3; count++) (await origin.untilRequests(count)).answer();
      expect((await client.untilResponses(3)).map(({ status }) => status)).toEqual([200, 200, 200]);
      expect(origin.requests.map(({ line }) => line.split(" ")[1])).toEqual(["/1", "/2", "/3"]);
      client.close();
    }));

  test("a retry waits for the other endpoint and keeps its age", () =>
    withLimited({ origins: 2, limits: one, workers: 1 }, async ({ address, balancer, origins }) => {
      const clients = [await connectRaw(address), await connectRaw(address)];
      clients[0]!.send(get("/a"));
      clients[1]!.send(get("/b"));
      for (const origin of origins) await origin.untilRequests(1);
      // Longer than a tick of the worker's clock, so that ages differ.
      await Bun.sleep(50);
      const young = await connectRaw(address);
      young.send(get("/young"));
      await queued(balancer, 1);
      // The first origin fails its request: the retry wants the second one, the young one takes the free place.
      origins[0]!.requests[0]!.answer("HTTP/1.1 200 OK\r\nContent-Length: 5");
      expect((await origins[0]!.untilRequests(2)).line).toContain("/young");
      await queued(balancer, 1);
      const younger = await connectRaw(address);
      younger.send(get("/younger"));
      await queued(balancer, 2);
      const [failed, other] = origins[0]!.requests[0]!.line.includes("/a") ? ["/a", "/b"] : ["/b", "/a"];
      expect(origins[1]!.requests[0]!.line).toContain(other);
      origins[1]!.requests[0]!.answer();
      expect((await origins[1]!.untilRequests(2)).line).toContain(failed);
      for (const origin of origins) origin.answersAtOnce = true;
      origins[1]!.requests[1]!.answer();
      for (const client of clients) expect((await client.untilResponses(1))[0]?.status).toBe(200);
      origins[0]!.requests[1]!.answer();
      for (const client of [young, younger]) expect((await client.untilResponses(1))[0]?.status).toBe(200);
      const [pool] = (await balancer.status()).pools;
      expect(pool?.counters.retryDecisions).toMatchObject({ idempotent: 1 });
      for (const client of [...clients, young, younger]) client.close();
    }));

  test("a reload that raises the limit lets those who wait in", () =>
    withLimited({ limits: one }, async (limited) => {
      const { balancer, origin } = limited;
      const holder = await hold(limited);
      const clients = [await waiter(limited, "/1", 1), await waiter(limited, "/2", 2)];
      const text = await Bun.file(balancer.file).text();
      await Bun.write(balancer.file, text.replace("requests: 1 ", "requests: 3 "));
      balancer.child.signal("SIGHUP");
      await origin.untilRequests(3);
      for (const request of origin.requests) request.answer();
      for (const client of [holder, ...clients]) {
        expect((await client.untilResponses(1))[0]?.status).toBe(200);
        client.close();
      }
    }));

  test("POST with a body past what is kept waits, and arrives whole", () =>
    withLimited({ limits: one, workers: 1, pool: ["retry: { bodyBytes: 1KiB }"] }, async (limited) => {
      const { balancer, origin } = limited;
      const holder = await hold(limited);
      const post = await connectRaw(limited.address);
      const body = `${"x".repeat(200_000)}GET /end HTTP/1.1\r\n\r\n`;
      post.send(send("POST", "/post", body));
      await queued(balancer, 1);
      // An answer before the end of the body would be the end of it.
      origin.requests[0]!.answer();
      await origin.until("the end of the body", () =>
        origin.requests.some(({ line }) => line.endsWith("GET /end HTTP/1.1")),
      );
      for (const client of [holder, post]) client.close();
    }));
});

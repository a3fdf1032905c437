import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { EndpointState } from "../../src/model/snapshot.ts";
import { startBalancer } from "../support/balancer.ts";
import { get, send } from "../support/bench.ts";
import { Child } from "../support/child.ts";
import { ask, connectRaw } from "../support/raw-client.ts";
import { type OriginScript, answerWith, reply } from "../support/raw-origin.ts";
import { withPoolBench } from "./support/pool-bench.ts";

setDefaultTimeout(30_000);

const good = answerWith(reply("good"));
const silent: OriginScript = () => undefined;

async function startChildOrigin(): Promise<{ readonly child: Child; readonly port: number }> {
  const child = new Child([process.execPath, join(import.meta.dir, "support", "child-origin.ts")]);
  await child.until("the port", () => child.stdout.includes("\n"));
  return { child, port: Number(child.stdout.split("\n")[0]) };
}

test("a frozen endpoint is hidden with default settings: no idempotent request fails or waits for more than 4 s, no POST runs twice", async () => {
  const origins = [await startChildOrigin(), await startChildOrigin(), await startChildOrigin()];
  const balancer = await startBalancer(
    `listeners: { http: { bind: 127.0.0.1:0, pool: app } }
pools: { app: { endpoints: [${origins.map(({ port }) => `127.0.0.1:${port}`).join(", ")}], health: { http: {} } } }`,
    { workers: 2 },
  );
  try {
    const address = balancer.address("http");
    let longestMs = 0;
    let posts = 0;
    const failed: number[] = [];
    const running: Promise<unknown>[] = [];
    const askOnce = async (): Promise<void> => {
      const startedMs = performance.now();
      const client = await connectRaw(address);
      client.send(get(`/get`));
      const [answer] = await client.untilResponses(1, ["GET"], 20_000);
      client.close();
      longestMs = Math.max(longestMs, performance.now() - startedMs);
      if (answer?.status !== 200) failed.push(answer?.status ?? 0);
    };
    const post = async (): Promise<void> => {
      const client = await connectRaw(address);
      client.send(send("POST", `/post-${posts++}`, "x"));
      await client.untilResponses(1, ["POST"], 20_000);
      client.close();
    };
    const [frozen] = origins;
    const clock = setInterval(() => {
      running.push(askOnce());
      if (running.length % 10 === 0) running.push(post());
    }, 10);
    await Bun.sleep(500); // traffic, so that every endpoint has connections and answers
    frozen!.child.signal("SIGSTOP");
    await balancer.untilStatus("the frozen endpoint is DOWN", ({ pools }) => {
      return pools[0]!.endpoints[0]!.state === EndpointState.Down;
    });
    await Bun.sleep(300); // and traffic past it
    frozen!.child.signal("SIGCONT");
    clearInterval(clock);
    await Promise.all(running);
    expect(failed).toEqual([]);
    expect(longestMs).toBeLessThan(4000);
    const ran = origins.flatMap(({ child }) => child.stdout.split("\n").filter((line) => line.startsWith("POST")));
    expect(ran.toSorted()).toEqual([...new Set(ran)].toSorted());
    expect(ran).toHaveLength(posts);
  } finally {
    for (const { child } of origins) child.signal("SIGCONT");
    await balancer.stop();
    for (const { child } of origins) await child.stop();
  }
});

describe("an endpoint that goes DOWN", () => {
  const health = "interval: 50ms, fastInterval: 20ms, rise: 1, fall: 2, timeout: 100ms";

  test("a GET that waits there moves, a POST waits on and is answered there, and nothing is tried twice", () =>
    withPoolBench({ scripts: [silent, silent], health, pool: ["reuse: false"] }, async (bench) => {
      const [first, second] = bench.origins;
      const waiting: { readonly client: Awaited<ReturnType<typeof connectRaw>>; readonly method: string }[] = [];
      for (const method of ["GET", "GET", "POST", "POST", "PUT", "PUT"]) {
        const client = await connectRaw(bench.address);
        client.send(method === "GET" ? get("/x") : send(method, "/x", "abc"));
        waiting.push({ client, method });
        await first!
          .until("its turn", () => first!.asked + second!.asked === waiting.length)
          .catch(() => second!.until("its turn", () => first!.asked + second!.asked === waiting.length));
      }
      expect([first!.asked, second!.asked]).toEqual([3, 3]);
      first!.check = silent;
      await bench.until("e0 is DOWN", 0, ({ state }) => state === EndpointState.Down);
      await second!.until("GET and PUT came over", () => second!.asked === 5);
      const methods = (of: typeof first): readonly string[] =>
        of!.requests.filter(({ target }) => target === "/x").map(({ method }) => method);
      expect(methods(first)).toEqual(["GET", "POST", "PUT"]);
      expect(methods(second).toSorted()).toEqual(["GET", "GET", "POST", "PUT", "PUT"]);
      for (const origin of [first!, second!]) {
        for (const one of origin.connections) {
          if (one.requests.some(({ target }) => target === "/x")) one.send(reply(origin === first ? "e0" : "e1"));
        }
      }
      for (const { client, method } of waiting) {
        const [answer] = await client.untilResponses(1, [method]);
        expect(answer?.status).toBe(200);
        client.close();
      }
      expect((await bench.endpoint(0)).counters.retries).toBe(2);
    }));

  test("in panic nobody moves: the others are no better", () =>
    withPoolBench({ scripts: [silent, silent], health }, async (bench) => {
      const client = await connectRaw(bench.address);
      client.send(get("/x"));
      for (const one of bench.origins) one.check = silent;
      await bench.until("e1 is DOWN", 1, ({ state }) => state === EndpointState.Down);
      await bench.until("e0 is DOWN", 0, ({ state }) => state === EndpointState.Down);
      const asked = bench.origins.reduce((sum, one) => sum + one.asked, 0);
      // Which of the two fell first decides whether it moved once.
      expect(asked).toBeLessThanOrEqual(2);
      expect((await bench.balancer.status()).listeners[0]!.counters.exchangesNow).toBe(1);
      client.close();
    }));

  test("without `timeout` in retry.on nothing moves", () =>
    withPoolBench({ scripts: [silent, good], health, pool: ["retry: { on: [connect, reset] }"] }, async (bench) => {
      // By turns: one of the two is answered by e1, the other waits at e0.
      const clients = [await connectRaw(bench.address), await connectRaw(bench.address)];
      for (const client of clients) client.send(get("/x"));
      const [first, second] = bench.origins;
      await first!.until("both arrived", () => first!.asked === 1 && second!.asked === 1);
      first!.check = silent;
      await bench.until("e0 is DOWN", 0, ({ state }) => state === EndpointState.Down);
      expect((await ask(bench.address, get("/y"))).status).toBe(200);
      expect(second!.requests.filter(({ target }) => target === "/x")).toHaveLength(1);
      for (const client of clients) client.close();
    }));
});

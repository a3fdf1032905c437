import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { EndpointState } from "../../src/model/snapshot.ts";
import { get } from "../support/bench.ts";
import { ask, connectRaw } from "../support/raw-client.ts";
import { type OriginScript, answerWith, reply } from "../support/raw-origin.ts";
import { scratchFolder } from "../support/scratch.ts";
import { eventually } from "../support/within.ts";
import { type PoolBench, withPoolBench } from "./support/pool-bench.ts";

setDefaultTimeout(30_000);

const good = answerWith(reply("good"));
const fast = "interval: 50ms, fastInterval: 20ms, rise: 1, fall: 2";

/** Holds requests to `/slow` until the test lets go. */
function holding(): { readonly script: OriginScript; letGo(): void; isHolding(): boolean } {
  const gate = Promise.withResolvers<void>();
  let isHolding = false;
  return {
    async script(exchange) {
      await exchange.untilBody();
      if (exchange.request.target === "/slow") {
        isHolding = true;
        await gate.promise;
      }
      exchange.connection.send(reply("good"));
    },
    letGo: gate.resolve,
    isHolding: () => isHolding,
  };
}

async function askTimes({ address }: PoolBench, times: number): Promise<void> {
  for (let i = 0; i < times; i++) expect((await ask(address, get())).status).toBe(200);
}

describe("an answer that asks for DRAIN", () => {
  test("404 as with HAProxy: at once, with the reason, and back with the first answer that does not ask", () =>
    withPoolBench(
      { scripts: [good, good], health: fast, check: "expect: { drain: { status: [404] } }" },
      async (bench) => {
        const [first] = bench.origins;
        first!.check = answerWith(reply("bye", "HTTP/1.1 404 Not Found"));
        await bench.until("e0 is drained", 0, ({ state }) => state === EndpointState.Drain);
        expect(await bench.endpoint(0)).toMatchObject({ why: "asked", whyText: "asks to be drained: status 404" });
        const seen = first!.asked;
        await askTimes(bench, 6);
        expect(first!.asked).toBe(seen);
        first!.check = good;
        await bench.until("e0 is back", 0, ({ state }) => state === EndpointState.Up);
      },
    ));

  test("503 with DISABLED BY FILE is DRAIN, 503 alone is DOWN", () =>
    withPoolBench(
      {
        scripts: [good, good],
        health: fast,
        check: 'expect: { drain: { status: [503], body: "DISABLED BY FILE" } }',
      },
      async (bench) => {
        bench.origins[0]!.check = answerWith(reply("DISABLED BY FILE", "HTTP/1.1 503 Service Unavailable"));
        bench.origins[1]!.check = answerWith(reply("database gone", "HTTP/1.1 503 Service Unavailable"));
        await bench.until("e0 is drained", 0, ({ state }) => state === EndpointState.Drain);
        await bench.until("e1 is down", 1, ({ state }) => state === EndpointState.Down);
        expect((await bench.endpoint(1)).whyText).toContain("status 503, expected 200-299");
        // Panic goes to the one that is DOWN, never to the one that asked.
        await askTimes(bench, 4);
        expect(bench.origins[0]!.asked).toBe(0);
      },
    ));
});

describe("overrides", () => {
  test("drain lets running requests finish and gives no new ones; ready takes it back", async () => {
    const slow = holding();
    await withPoolBench({ scripts: [slow.script, good] }, async (bench) => {
      // By turns: one of two requests is held, the other is answered.
      const clients = [await connectRaw(bench.address), await connectRaw(bench.address)];
      for (const client of clients) client.send(get("/slow"));
      await eventually("a held request", () => (slow.isHolding() ? true : undefined));
      const drained = await bench.command("drain", "app/e0", "--reason", "new kernel");
      expect(drained).toMatchObject({ exitCode: 0 });
      expect(drained.output).toMatch(/^app\/e0: DRAIN by .+: new kernel\n$/);
      expect(await bench.endpoint(0)).toMatchObject({
        state: EndpointState.Drain,
        why: "override",
        override: { state: { value: "drain", reason: "new kernel" } },
      });
      const seen = bench.origins[0]!.asked;
      await askTimes(bench, 10);
      expect(bench.origins[0]!.asked).toBe(seen);
      slow.letGo();
      for (const client of clients) {
        expect((await client.untilResponses(1)).at(-1)?.status).toBe(200);
        // The client's connection lives on.
        client.send(get());
        expect((await client.untilResponses(2)).at(-1)?.status).toBe(200);
        client.close();
      }
      expect((await bench.command("ready", "app/e0")).output).toBe("app/e0: ready\n");
      expect(await bench.endpoint(0)).toMatchObject({ state: EndpointState.Up });
      await askTimes(bench, 10);
      expect(bench.origins[0]!.asked).toBeGreaterThan(seen);
      expect(bench.balancer.output()).toMatch(/app\/e0: DRAIN by .+: new kernel/);
      expect(bench.balancer.output()).toMatch(/app\/e0: ready by /);
    });
  });

  test("all in MAINT: 503 at once, although every check passes; weights 0 everywhere: the same", () =>
    withPoolBench({ scripts: [good, good] }, async (bench) => {
      for (const name of ["app/e0", "app/e1"]) expect((await bench.command("maint", name)).exitCode).toBe(0);
      const answer = await ask(bench.address, get());
      expect(answer.status).toBe(503);
      expect(answer.body.toString()).toContain("no-endpoint");
      for (const name of ["app/e0", "app/e1"]) await bench.command("ready", name);
      await askTimes(bench, 2);
      for (const name of ["app/e0", "app/e1"]) await bench.command("weight", name, "0");
      expect((await ask(bench.address, get())).status).toBe(503);
      for (const name of ["app/e0", "app/e1"]) await bench.command("weight", name, "default");
      await askTimes(bench, 2);
    }));

  test("a weight reaches every worker", () =>
    withPoolBench({ scripts: [good, good], workers: 2 }, async (bench) => {
      expect((await bench.command("weight", "app/e0", "9", "--reason", "big")).output).toMatch(
        /^app\/e0: ready, weight 9 by .+: big\n$/,
      );
      await askTimes(bench, 100);
      expect(bench.origins[0]!.asked).toBeGreaterThanOrEqual(84);
      expect(bench.origins[0]!.asked).toBeLessThanOrEqual(96);
      expect(await bench.endpoint(0)).toMatchObject({ weight: 9, state: EndpointState.Up });
    }));

  test("they are kept over reload, restart and the death of a worker, with who, why and since", () =>
    withPoolBench({ scripts: [good, good] }, async (bench) => {
      await bench.command("maint", "app/e0", "--reason", "new disk");
      await bench.command("weight", "app/e1", "7");
      const before = (await bench.balancer.endpoints("app")).map(({ override }) => override);
      expect(before[0]?.state).toMatchObject({ value: "maint", reason: "new disk" });
      const isSame = async (): Promise<void> => {
        const endpoints = await bench.balancer.endpoints("app");
        expect(endpoints.map(({ override }) => override)).toEqual(before);
        expect(endpoints[0]).toMatchObject({ state: EndpointState.Maint, sinceAt: before[0]!.state!.sinceAt });
        expect(endpoints[1]!.weight).toBe(7);
        const seen = bench.origins[0]!.asked;
        await askTimes(bench, 4);
        expect(bench.origins[0]!.asked).toBe(seen);
      };
      bench.balancer.child.signal("SIGHUP");
      await bench.balancer.untilStatus("the reload", ({ revision }) => revision === 2);
      await isSame();
      const [worker] = await bench.balancer.workers();
      process.kill(worker!, "SIGKILL");
      await bench.balancer.untilStatus(
        "another worker",
        ({ workers }) => workers[0]?.state === "ready" && workers[0].pid !== worker,
      );
      await isSame();
      await bench.restart();
      await isSame();
      expect(bench.balancer.output()).toMatch(/app\/e0 keeps MAINT by .+: new disk/);
    }));

  test("what cannot be kept holds all the same, and whoever asked is told", async () => {
    const scratch = scratchFolder("no-data");
    const file = join(scratch.path, "file");
    writeFileSync(file, "");
    const section = `{ workers: 1, data: ${file}/data, drain: 1s }`;
    await withPoolBench({ scripts: [good, good], process: section }, async (bench) => {
      const drained = await bench.command("drain", "app/e0");
      expect(drained.exitCode).toBe(1);
      expect(drained.output).toContain("they hold until the instance ends");
      expect(await bench.endpoint(0)).toMatchObject({ state: EndpointState.Drain });
    });
    scratch.remove();
  });

  test("names that do not exist, and the read-only door", () =>
    withPoolBench({ scripts: [good] }, async (bench) => {
      for (const [place, text] of [
        ["ap/e0", 'there is no pool called "ap"; did you mean app?'],
        ["app/e1", 'there is no endpoint of pool app called "e1"; did you mean e0?'],
      ] as const) {
        const refused = await bench.command("drain", place);
        expect([refused.exitCode, refused.output]).toEqual([2, `weichensteller: ${text}\n`]);
      }
      const { tcp } = (await bench.balancer.status()).admin;
      const answer = await fetch(`http://127.0.0.1:${tcp?.port}/api/v1/pools/app/endpoints/e0/state`, {
        method: "POST",
        body: '{"state":"drain"}',
      });
      expect(answer.status).toBe(403);
      expect((await bench.endpoint(0)).state).toBe(EndpointState.Up);
    }));
});

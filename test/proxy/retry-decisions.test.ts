import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Bench, get, send, startBench } from "../support/bench.ts";
import { ask, connectRaw } from "../support/raw-client.ts";
import { answerWith, type OriginScript, reply } from "../support/raw-origin.ts";

// Above every bound of the helpers, so that they say what did not come.
setDefaultTimeout(20_000);

const good = answerWith(reply("good"));
const busy = answerWith(reply("busy", "HTTP/1.1 503 Service Unavailable"));
const silent: OriginScript = () => undefined;
const after =
  (ms: number): OriginScript =>
  async ({ connection, untilBody }) => {
    await untilBody();
    await Bun.sleep(ms);
    connection.send(reply("late"));
  };

async function withBench(plan: Parameters<typeof startBench>[0], run: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = await startBench(plan);
  try {
    await run(bench);
    await bench.balancer.untilIdle();
  } finally {
    await bench.stop();
  }
}

async function decisions({ balancer }: Bench): Promise<Record<string, number>> {
  const counts = (await balancer.status()).pools[0]?.counters.retryDecisions ?? {};
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

describe("retries", () => {
  test("a listed status that the budget does not allow to retry is passed on as it came", () =>
    withBench(
      { scripts: [busy, busy], pool: ["retry: { budget: { share: 0%, min: 0/s, burst: 1 } }"] },
      async (bench) => {
        for (let asked = 0; asked < 2; asked++) {
          const answer = await ask(bench.address, get());
          expect([answer.status, answer.body.toString()]).toEqual([503, "busy"]);
        }
        expect(await decisions(bench)).toEqual({ idempotent: 1, "no-other-endpoint": 1, "budget-used-up": 1 });
      },
    ));

  test("attemptTimeout does not cut a POST short: it may be running, and it may not go out twice", () =>
    withBench({ scripts: [after(400)], pool: ["retry: { attemptTimeout: 100ms }"] }, async (bench) => {
      const answer = await ask(bench.address, send("POST", "/", "abc"), "POST");
      expect([answer.status, answer.body.toString()]).toEqual([200, "late"]);
      expect(await decisions(bench)).toEqual({ "not-idempotent": 1 });
    }));

  test("attemptTimeout does not cut short where there is nowhere else to go", () =>
    withBench({ scripts: [after(400)], pool: ["retry: { attemptTimeout: 100ms }"] }, async (bench) => {
      expect((await ask(bench.address, get())).body.toString()).toBe("late");
      expect(await decisions(bench)).toEqual({ "no-other-endpoint": 1 });
    }));

  test("the last attempt gets the rest of timeouts.response, not all of it again", () =>
    withBench(
      { scripts: [silent, silent], pool: ["retry: { attemptTimeout: 300ms }", "timeouts: { response: 500ms }"] },
      async (bench) => {
        const startedMs = performance.now();
        expect((await ask(bench.address, get())).status).toBe(504);
        const tookMs = performance.now() - startedMs;
        // 300 ms and 500 ms again would be 800 ms.
        expect(tookMs).toBeGreaterThan(450);
        expect(tookMs).toBeLessThan(750);
        expect(bench.origins.map(({ requests }) => requests.length)).toEqual([1, 1]);
      },
    ));

  test("each decision is in the metrics by its reason, and a line of the log at level debug", () =>
    withBench({ scripts: [busy, good] }, async (bench) => {
      for (let asked = 0; asked < 2; asked++)
        expect((await ask(bench.address, get("/?token=secret"))).status).toBe(200);
      const metrics = await (await fetch("http://admin/metrics", { unix: bench.balancer.adminSocket })).text();
      const [line] = /^.*retry_decisions_total.*"idempotent".*$/m.exec(metrics) ?? [];
      expect(line).toMatch(/^weichensteller_pool_retry_decisions_total\{pool="origin",why="idempotent"\} [12]$/);
      expect(bench.balancer.output()).not.toContain("retry-decision");
      const text = await Bun.file(bench.balancer.file).text();
      await Bun.write(bench.balancer.file, text.replace("level: info", "level: debug"));
      bench.balancer.child.signal("SIGHUP");
      await bench.balancer.untilStatus("the reload", ({ revision }) => revision === 2);
      for (let asked = 0; asked < 2; asked++)
        expect((await ask(bench.address, get("/?token=secret"))).status).toBe(200);
      await bench.balancer.child.until("the line", () => bench.balancer.output().includes("status-listed after 1"));
      expect(bench.balancer.output()).toContain(`goes on to ${bench.origins[1]!.endpoint}: idempotent`);
      expect(bench.balancer.output()).not.toContain("secret");
    }));

  test("a POST that nobody took goes on, and is counted as free", () =>
    withBench({ scripts: [good, good] }, async (bench) => {
      bench.origins[0]!.stop();
      const client = await connectRaw(bench.address);
      for (let sent = 1; sent <= 2; sent++) {
        client.send(send("POST", "/", "abc"));
        expect((await client.untilResponses(sent, ["POST", "POST"])).at(-1)?.status).toBe(200);
      }
      client.close();
      const counts = await decisions(bench);
      expect(Object.keys(counts)).toEqual(["nothing-sent"]);
    }));
});

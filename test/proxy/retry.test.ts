import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Bench, get, send, startBench } from "../support/bench.ts";
import { startBalancer } from "../support/balancer.ts";
import { ask, connectRaw } from "../support/raw-client.ts";
import { type OriginScript, type RawOrigin, answerWith, reply, startOrigin } from "../support/raw-origin.ts";

// Above every bound of the helpers, so that they say what did not come.
setDefaultTimeout(20_000);

const resets: OriginScript = async ({ connection, untilBody }) => {
  await untilBody();
  connection.reset();
};
const ends: OriginScript = async ({ connection, untilBody }) => {
  await untilBody();
  connection.finish();
};
const silent: OriginScript = () => undefined;
const good = answerWith(reply("good"));
const late: OriginScript = async ({ connection, untilBody }) => {
  await untilBody();
  await Bun.sleep(400);
  connection.send(reply("late"));
};

function count(origins: readonly RawOrigin[], method: string): number {
  return origins.flatMap((one) => one.requests).filter((one) => one.method === method).length;
}

async function withBench(plan: Parameters<typeof startBench>[0], run: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = await startBench(plan);
  try {
    await run(bench);
    for (const one of bench.origins) expect(one.faults).toEqual([]);
    await bench.balancer.untilIdle();
  } finally {
    await bench.stop();
  }
}

describe("retry", () => {
  test("a refused connect moves on to the next endpoint, for any method", () =>
    withBench({ scripts: [good, good] }, async (bench) => {
      bench.origins[0]!.stop();
      for (const request of [get(), send("POST", "/", "abc"), get(), send("PATCH", "/", "abc"), get(), get()]) {
        expect((await ask(bench.address, request)).status).toBe(200);
      }
      const [first] = await bench.balancer.endpoints("origin");
      expect(first?.counters.connectFailures).toBeGreaterThan(0);
    }));

  test("every endpoint refused: 502 or 503 at once, not a hanging client", () =>
    withBench({ scripts: [good, good] }, async (bench) => {
      for (const one of bench.origins) one.stop();
      const started = performance.now();
      expect([502, 503]).toContain((await ask(bench.address, get())).status);
      expect(performance.now() - started).toBeLessThan(1000);
    }));

  for (const [what, script] of [
    ["a reset before the answer", resets],
    ["an end before the answer", ends],
    ["503", answerWith(reply("no", "HTTP/1.1 503 Service Unavailable"))],
    ["a malformed answer", answerWith("nonsense\r\n\r\n")],
  ] as const) {
    test(`${what}: GET and PUT are tried at the other endpoint`, () =>
      withBench({ scripts: [script, good] }, async (bench) => {
        for (const request of [get(), get(), send("PUT", "/", "abc"), send("PUT", "/", "abc")]) {
          const answer = await ask(bench.address, request);
          expect(answer.body.toString()).toBe("good");
        }
        expect(bench.origins[0]!.requests.length).toBeGreaterThan(0);
        expect(
          bench.origins[1]!.requests.filter((one) => one.method === "PUT").map((one) => one.body.toString()),
        ).toEqual(["abc", "abc"]);
      }));

    for (const method of ["POST", "PATCH"]) {
      test(`${what}: ${method} never goes out twice`, () =>
        withBench({ scripts: [script, script] }, async (bench) => {
          for (let sent = 1; sent <= 4; sent++) {
            const answer = await ask(bench.address, send(method, "/", "abc"));
            expect([502, 503]).toContain(answer.status);
            expect(count(bench.origins, method)).toBe(sent);
          }
        }));
    }
  }

  test("a conditional PUT is not tried again: executed once, it would fail the second time", () =>
    withBench({ scripts: [resets, resets] }, async (bench) => {
      expect((await ask(bench.address, send("PUT", "/", "abc", 'If-Match: "1"'))).status).toBe(502);
      expect(count(bench.origins, "PUT")).toBe(1);
    }));

  test("attempts: 1 tries once", () =>
    withBench({ scripts: [resets, resets], pool: ["retry: { attempts: 1 }"] }, async (bench) => {
      expect((await ask(bench.address, get())).status).toBe(502);
      expect(count(bench.origins, "GET")).toBe(1);
    }));

  test("a body past retry.bodyBytes is not kept, and so not tried again", () =>
    withBench({ scripts: [resets, resets], pool: ["retry: { bodyBytes: 1KiB }"] }, async (bench) => {
      const client = await connectRaw(bench.address);
      client.send(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n${"x".repeat(2000)}`);
      const isHalfThere = (): boolean => bench.origins.some((one) => one.requests[0]?.body.length === 2000);
      await Promise.race(bench.origins.map((one) => one.until("half of the body", isHalfThere)));
      client.send("y".repeat(2000));
      const [answer] = await client.untilResponses(1);
      client.close();
      expect(answer?.status).toBe(502);
      expect(count(bench.origins, "PUT")).toBe(1);
    }));

  test("attemptTimeout moves an idempotent request on, and leaves a POST where it is", () =>
    withBench(
      { scripts: [silent, good], pool: ["retry: { attemptTimeout: 100ms }", "timeouts: { response: 600ms }"] },
      async (bench) => {
        expect((await ask(bench.address, get())).body.toString()).toBe("good");
        expect((await ask(bench.address, get())).body.toString()).toBe("good");
        const posts = [
          await ask(bench.address, send("POST", "/", "a")),
          await ask(bench.address, send("POST", "/", "a")),
        ];
        expect(posts.map((one) => one.status).toSorted((a, b) => a - b)).toEqual([200, 504]);
        expect(count(bench.origins, "POST")).toBe(2);
      },
    ));

  for (const [what, request, retry] of [
    ["a POST may be running", send("POST", "/", "a"), ""],
    ["a conditional PUT may be running", send("PUT", "/", "a", 'If-Match: "1"'), ""],
    ["every endpoint has been tried", get(), ""],
    ["the budget is used up", get(), ", budget: { share: 0%, min: 0/s, burst: 0 }"],
  ] as const) {
    test(`attemptTimeout gives up no attempt that none may follow: ${what}`, () =>
      withBench({ scripts: [late, late], pool: [`retry: { attemptTimeout: 100ms${retry} }`] }, async (bench) => {
        const answer = await ask(bench.address, request);
        expect([answer.status, answer.body.toString()]).toEqual([200, "late"]);
      }));
  }

  test("nothing is tried again once a byte of the answer went to the client", () =>
    withBench(
      {
        scripts: [0, 1].map((): OriginScript => async ({ connection }) => {
          connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
          await Bun.sleep(10);
          connection.reset();
        }),
      },
      async (bench) => {
        const answer = await ask(bench.address, get());
        expect(answer.status).toBe(200);
        expect(answer.complete).toBe(false);
        expect(count(bench.origins, "GET")).toBe(1);
      },
    ));

  const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
  for (const [what, end, answer, rest, counter] of [
    ["a reset in the body", "reset", chunked, "3\r\n", "resets"],
    ["an end in the body", "finish", chunked, "3\r\n", "resets"],
    ["a malformed chunk", "finish", chunked, "xyz\r\n", "badResponses"],
  ] as const) {
    test(`${what} counts against the endpoint, although nothing can be tried again`, () =>
      withBench(
        {
          scripts: [
            async ({ connection }) => {
              connection.send(answer);
              await Bun.sleep(10);
              connection.send(rest);
              connection[end]();
            },
          ],
        },
        async (bench) => {
          expect((await ask(bench.address, get())).complete).toBe(false);
          const [endpoint] = await bench.balancer.endpoints("origin");
          expect(endpoint?.counters[counter]).toBe(1);
        },
      ));
  }

  test("a budget that is used up stops paid retries, and free ones go on", () =>
    withBench(
      { scripts: [resets, resets], pool: ["retry: { budget: { share: 0%, min: 0/s, burst: 2 } }"] },
      async (bench) => {
        for (let sent = 0; sent < 6; sent++) await ask(bench.address, get());
        // Six first attempts, and two that were paid for.
        expect(count(bench.origins, "GET")).toBe(8);
      },
    ));
});

describe("connections that end while they wait", () => {
  /** Answers the first request of a connection and closes at the second, as if it had just stopped waiting. */
  const closesAtSecond: OriginScript = async (exchange) => {
    if (exchange.connection.requests.length <= 1) await good(exchange);
    else exchange.connection.finish();
  };
  /** Says nothing of closing, and ends each connection in the moment in which it could be used again. */
  const closesUnsaid: OriginScript = async (exchange) => {
    if (exchange.connection.requests.length > 1) return exchange.connection.finish();
    await good(exchange);
    setTimeout(() => exchange.connection.finish(), 20);
  };

  test("a stale connection does not use up its endpoint: when the other one fails too, it is asked afresh", () =>
    withBench({ scripts: [closesAtSecond, ends] }, async (bench) => {
      expect((await ask(bench.address, get())).body.toString()).toBe("good");
      // Turns alternate: this one is the failing endpoint's, and not repeated, so the next begins at the stale connection.
      expect((await ask(bench.address, send("POST", "/", "abc"))).status).toBe(502);
      expect((await ask(bench.address, get())).body.toString()).toBe("good");
      expect(bench.origins[0]!.connections.length).toBe(2);
    }));

  test("an endpoint that closes without saying so gets a fresh connection for each POST, and none fails", () =>
    withBench({ scripts: [closesUnsaid] }, async (bench) => {
      for (let turn = 0; turn < 3; turn++) expect((await ask(bench.address, get())).status).toBe(200);
      for (let turn = 0; turn < 10; turn++) {
        expect((await ask(bench.address, send("POST", "/", "abc"))).status).toBe(200);
      }
      expect(count(bench.origins, "POST")).toBe(10);
    }));
});

describe("when every ready endpoint fails", () => {
  const yaml = (endpoints: string): string => `listeners:
  http: { bind: "127.0.0.1:0", pool: origin }
pools:
  origin: { health: off, endpoints: [${endpoints}] }`;

  test("a backup serves, although primaries count as UP", async () => {
    const origins = [startOrigin(ends), startOrigin(good)];
    const [failing, backup] = origins.map((one) => one.endpoint);
    const balancer = await startBalancer(yaml(`"${failing}", { address: "${backup}", backup: true }`));
    for (let turn = 0; turn < 3; turn++) {
      expect((await ask(balancer.address("http"), get())).body.toString()).toBe("good");
    }
    expect((await ask(balancer.address("http"), send("POST", "/", "abc"))).status).toBe(502);
    await balancer.stop();
    for (const one of origins) one.stop();
  });

  test("one that counts as DOWN is the last resort", async () => {
    const byTarget =
      (checks: OriginScript, others: OriginScript): OriginScript =>
      (exchange) =>
        exchange.request.target === "/check" ? checks(exchange) : others(exchange);
    const refuses = answerWith(reply("no", "HTTP/1.1 500 No"));
    const origins = [startOrigin(byTarget(good, ends)), startOrigin(byTarget(refuses, good))];
    const balancer = await startBalancer(`listeners:
  http: { bind: "127.0.0.1:0", pool: origin }
pools:
  origin:
    endpoints: [${origins.map((one) => one.endpoint).join(", ")}]
    health: { http: { path: /check }, interval: 50ms, fall: 1, passive: off }`);
    await balancer.untilStatus("the second is DOWN", ({ pools }) => pools[0]!.endpoints[1]!.state === 1);
    expect((await ask(balancer.address("http"), get())).body.toString()).toBe("good");
    await balancer.stop();
    for (const one of origins) one.stop();
  });
});

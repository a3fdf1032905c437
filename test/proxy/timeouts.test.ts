import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Bench, get, startBench } from "../support/bench.ts";
import { type RawClient, ask, connectRaw } from "../support/raw-client.ts";
import { answerWith, reply } from "../support/raw-origin.ts";

// Above every bound of the helpers, so that they say what did not come.
setDefaultTimeout(20_000);

/** Milliseconds until the balancer ended the connection. */
async function untilEnd(client: RawClient): Promise<number> {
  const started = performance.now();
  await client.untilClosed(10_000);
  return performance.now() - started;
}

/** Late by a turn of the timer wheel and a busy machine, never early. */
function expectAround(elapsedMs: number, timeoutMs: number): void {
  expect(elapsedMs).toBeGreaterThan(timeoutMs * 0.9);
  expect(elapsedMs).toBeLessThan(timeoutMs + 1000);
}

describe("timeouts", () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await startBench({
      listener: ["timeouts: { head: 300ms, idle: 500ms, body: 400ms, minRate: 10KiB/s, write: 500ms }"],
      pool: ["timeouts: { connect: 300ms, response: 400ms, idle: 300ms, total: 1500ms }", "retry: { attempts: 1 }"],
    });
  });
  afterAll(() => bench.stop());
  beforeEach(() => {
    bench.origin.resetAll();
    bench.origin.script = answerWith(reply());
  });

  test("a head that is not complete in time gets 408", async () => {
    const client = await connectRaw(bench.address);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n");
    expectAround(await untilEnd(client), 300);
    expect(client.responses()[0]?.status).toBe(408);
  });

  test("a head that trickles gets no more time for it", async () => {
    const client = await connectRaw(bench.address);
    const started = performance.now();
    for (const letter of "GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") {
      if (client.ending !== undefined) break;
      client.send(letter);
      await Bun.sleep(10);
    }
    await client.untilClosed();
    expectAround(performance.now() - started, 300);
  });

  test("a connection without a request is closed after idle, silently", async () => {
    const fresh = await connectRaw(bench.address);
    expectAround(await untilEnd(fresh), 500);
    expect(fresh.receivedBytes).toBe(0);
    const used = await connectRaw(bench.address);
    used.send(get());
    await used.untilResponses(1);
    const before = used.receivedBytes;
    expectAround(await untilEnd(used), 500);
    expect(used.receivedBytes).toBe(before);
  });

  test("a body that stops gets 408, and the origin never sees it complete", async () => {
    const client = await connectRaw(bench.address);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    expectAround(await untilEnd(client), 400);
    expect(client.responses()[0]?.status).toBe(408);
    expect(bench.origin.requests.some((one) => one.complete)).toBe(false);
  });

  test("a body below the minimum rate gets 408 although it never stops", async () => {
    const client = await connectRaw(bench.address);
    const started = performance.now();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    while (client.ending === undefined && performance.now() - started < 4000) {
      client.send("x".repeat(20));
      await Bun.sleep(20);
    }
    expect(client.responses()[0]?.status).toBe(408);
    expectAround(performance.now() - started, 400);
  });

  test("an answer that does not begin gets 504", async () => {
    bench.origin.script = () => undefined;
    const started = performance.now();
    expect((await ask(bench.address, get())).status).toBe(504);
    expectAround(performance.now() - started, 400);
  });

  test("an answer that stops is cut short", async () => {
    bench.origin.script = ({ connection }) => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    const client = await connectRaw(bench.address);
    client.send(get());
    expectAround(await untilEnd(client), 400);
    expect(client.responses()[0]?.complete).toBe(false);
  });

  test("an answer that keeps coming is not cut by the silence limit, but by the total one", async () => {
    bench.origin.script = async ({ connection }) => {
      connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      while (connection.ending === undefined) {
        connection.send("1\r\nx\r\n");
        await Bun.sleep(50);
      }
    };
    const client = await connectRaw(bench.address);
    client.send(get());
    expectAround(await untilEnd(client), 1500);
    const [answer] = client.responses();
    expect(answer?.complete).toBe(false);
    expect(answer!.body.length).toBeGreaterThan(15);
  });

  test("an idle connection to an endpoint is closed after its time", async () => {
    await ask(bench.address, get());
    const started = performance.now();
    await bench.origin.connections[0]!.untilClosed();
    expectAround(performance.now() - started, 300);
  });

  test("a client that takes nothing is closed after write, and the endpoint is let go", async () => {
    bench.origin.script = ({ connection }) =>
      connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${32 << 20}\r\n\r\n${"x".repeat(32 << 20)}`);
    const client = await connectRaw(bench.address);
    client.pauseReading();
    client.send(get());
    await bench.origin.connections[0]?.untilClosed(10_000);
    await bench.balancer.untilIdle();
    client.reset();
  });
});

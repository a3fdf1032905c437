import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Bench, get, startBench } from "../support/bench.ts";
import { connectRaw } from "../support/raw-client.ts";
import type { OriginConnection } from "../support/raw-origin.ts";
import { reply } from "../support/raw-origin.ts";
import { headerOf } from "../support/strict-reader.ts";

// Above every bound of the helpers, so that they say what did not come.
setDefaultTimeout(20_000);

const upgrade = get("/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x");
const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

describe("upgrade", () => {
  let bench: Bench;
  let upgraded: OriginConnection | undefined;
  beforeAll(async () => {
    bench = await startBench();
  });
  afterAll(() => bench.stop());
  beforeEach(() => {
    bench.origin.resetAll();
    upgraded = undefined;
    bench.origin.script = ({ connection, request }) => {
      if (headerOf(request, "upgrade") === undefined) return connection.send(reply());
      upgraded = connection;
      connection.countOnly = true;
      connection.send(`${switching}hello`);
    };
  });

  test("101 opens a tunnel: bytes that came with it, bytes that no parser would like, both ways", async () => {
    const client = await connectRaw(bench.address);
    client.send(upgrade);
    await client.untilText("hello");
    const [answer] = client.responses();
    expect(answer?.status).toBe(101);
    expect(headerOf(answer!, "upgrade")).toBe("websocket");
    expect(headerOf(answer!, "connection")?.toLowerCase()).toBe("upgrade");
    const before = upgraded!.receivedBytes;
    const frame = Buffer.from([0x81, 0, 0x0a, 0x0d, 0xff]);
    client.send(frame);
    await bench.origin.until("the frame", () => upgraded!.receivedBytes === before + frame.length);
    upgraded!.send("GET / HTTP/1.1\r\n\r\n");
    await client.untilText("GET / HTTP/1.1");
    client.close();
    await upgraded!.untilClosed();
    upgraded!.finish();
    await bench.balancer.untilIdle();
  });

  test("a half-close goes through, and the other direction goes on", async () => {
    const client = await connectRaw(bench.address);
    client.send(upgrade);
    await client.untilText("hello");
    client.finish();
    await upgraded!.untilClosed();
    expect(upgraded!.ending).toBe("fin");
    upgraded!.send("still here");
    await client.untilText("still here");
    upgraded!.finish();
    await client.untilClosed();
    expect(client.ending).toBe("fin");
    await bench.balancer.untilIdle();
  });

  test("a half-close of the origin goes through, and the client may go on", async () => {
    const client = await connectRaw(bench.address);
    client.send(upgrade);
    await client.untilText("hello");
    upgraded!.finish();
    await client.untilClosed();
    const before = upgraded!.receivedBytes;
    client.send("more");
    await bench.origin.until("the bytes behind the half-close", () => upgraded!.receivedBytes === before + 4);
    client.finish();
    await upgraded!.untilClosed();
    await bench.balancer.untilIdle();
  });

  test("a reset of either side reaches the other", async () => {
    const client = await connectRaw(bench.address);
    client.send(upgrade);
    await client.untilText("hello");
    upgraded!.reset();
    await client.untilClosed();
    const second = await connectRaw(bench.address);
    second.send(upgrade);
    await second.untilText("hello");
    second.reset();
    await upgraded!.untilClosed();
    await bench.balancer.untilIdle();
  });

  test("bytes sent right behind the upgrade request wait for 101 and go through the tunnel", async () => {
    const client = await connectRaw(bench.address);
    client.send(`${upgrade}early`);
    await client.untilText("hello");
    await bench.origin.until("the early bytes", () => upgraded!.tail.toString().endsWith("\r\n\r\nearly"));
    client.reset();
  });

  test("a refused upgrade is an ordinary answer, and the request behind it an ordinary request", async () => {
    bench.origin.script = ({ connection, index }) =>
      connection.send(reply(String(index), index === 0 ? "HTTP/1.1 426 Upgrade Required" : "HTTP/1.1 200 OK"));
    const client = await connectRaw(bench.address);
    client.send(upgrade + get("/next"));
    const seen = await client.untilResponses(2);
    client.close();
    expect(seen.map((one) => one.status)).toEqual([426, 200]);
    expect(bench.origin.requests.map((one) => one.target)).toEqual(["/ws", "/next"]);
  });
});

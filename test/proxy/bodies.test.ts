import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Bench, get, send, startBench } from "../support/bench.ts";
import { ask, connectRaw } from "../support/raw-client.ts";
import { answerWith, reply } from "../support/raw-origin.ts";
import { headerOf } from "../support/strict-reader.ts";

// Above every bound of the helpers, so that they say what did not come.
setDefaultTimeout(20_000);

const chunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

describe("bodies and interim answers", () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await startBench();
  });
  afterAll(() => bench.stop());
  beforeEach(() => {
    bench.origin.resetAll();
    bench.origin.script = answerWith(reply());
  });

  test("Expect: 100-continue: the origin's 100 reaches the client before the body is sent", async () => {
    bench.origin.script = async ({ connection, request, untilBody }) => {
      expect(headerOf(request, "expect")).toBe("100-continue");
      expect(request.body.length).toBe(0);
      connection.send("HTTP/1.1 100 Continue\r\n\r\n");
      await untilBody();
      connection.send(reply("got it"));
    };
    const client = await connectRaw(bench.address);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    await client.untilText("100 Continue");
    client.send("abc");
    const seen = await client.untilResponses(1);
    client.close();
    expect(seen.map((one) => one.status)).toEqual([100, 200]);
    expect(bench.origin.requests[0]?.body.toString()).toBe("abc");
    expect(bench.origin.faults).toEqual([]);
  });

  test("Expect: 100-continue: a refusal instead of 100 reaches the client without its body", async () => {
    bench.origin.script = ({ connection }) => connection.send(reply("no", "HTTP/1.1 401 Unauthorized"));
    const client = await connectRaw(bench.address);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    const [answer] = await client.untilResponses(1);
    expect(answer?.status).toBe(401);
    client.close();
  });

  test("interim answers are passed on as they come", async () => {
    bench.origin.script = async ({ connection }) => {
      connection.send("HTTP/1.1 102 Processing\r\n\r\n");
      connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
      await Bun.sleep(20);
      connection.send(reply("done"));
    };
    const client = await connectRaw(bench.address);
    client.send(get());
    await client.untilText("103 Early Hints");
    expect(client.text).not.toContain("200 OK");
    const seen = await client.untilResponses(1);
    client.close();
    expect(seen.map((one) => one.status)).toEqual([102, 103, 200]);
    expect(headerOf(seen[1]!, "link")).toBe("</a>");
  });

  for (const [what, head, method, status] of [
    ["HEAD with Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "HEAD", 200],
    ["HEAD with chunked", chunkedHead, "HEAD", 200],
    ["HEAD without framing", "HTTP/1.1 200 OK\r\n\r\n", "HEAD", 200],
    ["204", "HTTP/1.1 204 No Content\r\n\r\n", "GET", 204],
    ["304 with Content-Length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", "GET", 304],
  ] as const) {
    test(`${what}: no body, and both connections go on`, async () => {
      bench.origin.script = ({ connection, index }) => connection.send(index === 0 ? head : reply("next"));
      const client = await connectRaw(bench.address);
      client.send(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`);
      await client.untilResponses(1, [method]);
      client.send(get("/next"));
      const seen = await client.untilResponses(2, [method, "GET"]);
      client.close();
      expect(seen.map((one) => one.status)).toEqual([status, 200]);
      expect(seen[1]?.body.toString()).toBe("next");
      expect(bench.origin.connections.length).toBe(1);
    });
  }

  test("a close-delimited body becomes chunks and a clean end", async () => {
    bench.origin.script = async ({ connection }) => {
      await connection.sendPieces(["HTTP/1.1 200 OK\r\nX: y\r\n\r\nabc", "def", "ghi"]);
      connection.finish();
    };
    const client = await connectRaw(bench.address);
    client.send(get());
    const [answer] = await client.untilResponses(1);
    expect(answer?.framing).toBe("chunked");
    expect(answer?.body.toString()).toBe("abcdefghi");
    expect(client.ending).toBeUndefined();
    client.close();
  });

  test("a close-delimited body that ends in a reset is cut short for a 1.1 and for a 1.0 client", async () => {
    bench.origin.script = async ({ connection }) => {
      await connection.sendPieces(["HTTP/1.1 200 OK\r\n\r\nabc", "def"]);
      await Bun.sleep(10);
      connection.reset();
    };
    const modern = await connectRaw(bench.address);
    modern.send(get());
    await modern.untilClosed();
    expect(modern.responses()[0]?.complete).toBe(false);
    const old = await connectRaw(bench.address);
    old.send("GET / HTTP/1.0\r\n\r\n");
    await old.untilClosed();
    // Without framing only a reset says that the end is not the end.
    expect(old.ending).toBe("reset");
  });

  test("trailers of both directions are passed on", async () => {
    bench.origin.script = async ({ connection, untilBody }) => {
      await untilBody();
      connection.send(`${chunkedHead}3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n`);
    };
    const client = await connectRaw(bench.address);
    client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Check\r\n\r\n3\r\nabc\r\n0\r\nX-Check: 7\r\n\r\n",
    );
    const [answer] = await client.untilResponses(1);
    client.close();
    expect(answer?.trailers).toEqual([{ name: "X-Sum", value: "9" }]);
    expect(bench.origin.requests[0]?.trailers).toEqual([{ name: "X-Check", value: "7" }]);
  });

  test("chunks reach the client as they come, not when the body is over", async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    bench.origin.script = async ({ connection }) => {
      connection.send(`${chunkedHead}5\r\nfirst\r\n`);
      await held;
      connection.send("6\r\nsecond\r\n0\r\n\r\n");
    };
    const client = await connectRaw(bench.address);
    client.send(get());
    await client.untilText("first");
    expect(client.text).not.toContain("second");
    release();
    const [answer] = await client.untilResponses(1);
    client.close();
    expect(answer?.body.toString()).toBe("firstsecond");
  });

  test("a chunked upload reaches the origin as it comes", async () => {
    const client = await connectRaw(bench.address);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    await bench.origin.until("the first chunk", () => bench.origin.requests[0]?.body.toString() === "first");
    client.send("6\r\nsecond\r\n0\r\n\r\n");
    await client.untilResponses(1);
    client.close();
    expect(bench.origin.requests[0]?.body.toString()).toBe("firstsecond");
  });

  test("an early answer reaches the client, and its connection ends because the rest of the body is not read", async () => {
    bench.origin.script = ({ connection }) => connection.send(reply("too large", "HTTP/1.1 413 Content Too Large"));
    const client = await connectRaw(bench.address);
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n${"x".repeat(1000)}`);
    const [answer] = await client.untilResponses(1);
    expect(answer?.status).toBe(413);
    expect(answer?.body.toString()).toBe("too large");
    await client.untilClosed();
    await bench.balancer.untilIdle();
  });

  test("absolute-form goes on as origin-form, its authority is Host", async () => {
    await ask(bench.address, "GET http://b.example:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n");
    const seen = bench.origin.requests[0]!;
    expect(seen.target).toBe("/p?q");
    expect(headerOf(seen, "host")).toBe("b.example:81");
  });

  test("a body of every size around the buffers arrives byte for byte in both directions", async () => {
    bench.origin.script = async ({ connection, untilBody }) => {
      const { body } = await untilBody();
      connection.send(reply(body.toString("latin1")));
    };
    for (const size of [0, 1, 1460, 4095, 4096, 16_383, 65_535, 65_536, 65_537, 262_145]) {
      const body = Array.from({ length: size }, (_, at) => String.fromCharCode(33 + (at % 90))).join("");
      const answer = await ask(bench.address, send("PUT", "/", body));
      expect(answer.body.toString("latin1") === body).toBe(true);
    }
    expect(bench.origin.faults).toEqual([]);
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Bench, get, send, startBench } from "../support/bench.ts";
import { ask, connectRaw } from "../support/raw-client.ts";
import { answerWith, reply } from "../support/raw-origin.ts";

// Above every bound of the helpers, so that they say what did not come.
setDefaultTimeout(20_000);

describe("connections", () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await startBench();
  });
  afterAll(() => bench.stop());
  beforeEach(() => {
    bench.origin.resetAll();
    bench.origin.script = answerWith(reply());
  });

  test("a client's connection and an endpoint's connection serve request after request", async () => {
    const client = await connectRaw(bench.address);
    for (let count = 1; count <= 20; count++) {
      client.send(get(`/${count}`));
      await client.untilResponses(count);
    }
    client.close();
    expect(bench.origin.requests.map((one) => one.target)).toEqual(Array.from({ length: 20 }, (_, at) => `/${at + 1}`));
    expect(bench.origin.connections.length).toBe(1);
  });

  test("clients that come one after another share one connection to the endpoint", async () => {
    for (let count = 0; count < 10; count++) await ask(bench.address, get());
    expect(bench.origin.connections.length).toBe(1);
    const [endpoint] = await bench.balancer.endpoints("origin");
    expect(endpoint?.counters.connectionsNow).toBe(1);
  });

  test("a client that resets right behind its request is gone before it is read, and no worker dies of it", async () => {
    const before = await bench.balancer.workers();
    const { host, port } = bench.address;
    for (let count = 0; count < 20; count++) {
      await Bun.connect({
        hostname: host,
        port,
        socket: {
          open(socket) {
            socket.write(get("/gone"));
            socket.terminate();
          },
          data: () => {},
        },
      });
    }
    await bench.balancer.untilIdle();
    expect((await ask(bench.address, get("/after"))).status).toBe(200);
    expect(await bench.balancer.workers()).toEqual(before);
    expect((await bench.balancer.listener("http")).counters.clientGone).toBeGreaterThan(0);
  });

  test("pipelined requests are answered in their order, also when the first answers are slow and large", async () => {
    bench.origin.script = async ({ request, connection, untilBody }) => {
      await untilBody();
      const number = Number(request.target.slice(1));
      await Bun.sleep(number < 3 ? 20 : 0);
      connection.send(reply(String(number).repeat(number === 0 ? 200_000 : 10)));
    };
    const client = await connectRaw(bench.address);
    client.send(Array.from({ length: 8 }, (_, at) => get(`/${at}`)).join(""));
    const seen = await client.untilResponses(8);
    client.close();
    expect(seen.map((one) => one.body.toString().slice(0, 1))).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"]);
    expect(seen.every((one) => one.complete)).toBe(true);
    expect(seen[0]?.body.length).toBe(200_000);
  });

  test("a POST behind a GET in one segment keeps its body", async () => {
    const client = await connectRaw(bench.address);
    client.send(get("/1") + send("POST", "/2", "abc") + get("/3"));
    await client.untilResponses(3);
    client.close();
    expect(bench.origin.requests.map((one) => `${one.method} ${one.target} ${one.body}`)).toEqual([
      "GET /1 ",
      "POST /2 abc",
      "GET /3 ",
    ]);
  });

  test("Connection: close of the client is obeyed and told", async () => {
    const client = await connectRaw(bench.address);
    client.send(get("/", "Connection: close"));
    const [answer] = await client.untilResponses(1);
    await client.untilClosed();
    expect(answer?.headers).toContainEqual({ name: "Connection", value: "close" });
    expect(client.ending).toBe("fin");
  });

  test("an HTTP/1.0 client is closed, and kept when it asks", async () => {
    const closing = await connectRaw(bench.address);
    closing.send("GET / HTTP/1.0\r\n\r\n");
    await closing.untilClosed();
    expect(closing.responses()[0]?.body.toString()).toBe("ok");
    const keeping = await connectRaw(bench.address);
    keeping.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const [first] = await keeping.untilResponses(1);
    expect(first?.headers).toContainEqual({ name: "Connection", value: "keep-alive" });
    keeping.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    expect((await keeping.untilResponses(2)).length).toBe(2);
    keeping.close();
  });

  test("an HTTP/1.0 origin's connection is not used again", async () => {
    bench.origin.script = ({ connection }) => {
      connection.send("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
      connection.finish();
    };
    await ask(bench.address, get());
    await ask(bench.address, get());
    expect(bench.origin.connections.length).toBe(2);
  });

  test("a FIN behind a complete request means that the client is gone", async () => {
    bench.origin.script = () => undefined;
    const client = await connectRaw(bench.address);
    client.send(get("/slow"));
    await bench.origin.until("the request", () => bench.origin.requests.length === 1);
    client.finish();
    await bench.origin.connections[0]?.untilClosed();
    await client.untilClosed();
    expect(client.receivedBytes).toBe(0);
    await bench.balancer.untilIdle();
    expect((await bench.balancer.listener("http")).counters.clientGone).toBeGreaterThan(0);
  });

  test("a connection that the endpoint closed while it was idle costs no request, GET or POST", async () => {
    for (const request of [get("/idle"), send("POST", "/idle", "abc")]) {
      await ask(bench.address, get("/first"));
      for (const one of bench.origin.connections) one.finish();
      const answer = await ask(bench.address, request);
      expect(answer.status).toBe(200);
    }
  });

  test("a connection that is closed in the moment of its use costs no GET, and no POST goes out twice", async () => {
    // The endpoint closes instead of answering the second request of a connection: the race of every keep-alive.
    bench.origin.script = async ({ connection, untilBody }) => {
      await untilBody();
      if (connection.requests.length > 1) connection.reset();
      else connection.send(reply());
    };
    await ask(bench.address, get("/first"));
    expect((await ask(bench.address, get("/second"))).status).toBe(200);
    await ask(bench.address, get("/third"));
    const posted = await ask(bench.address, send("POST", "/post", "abc"));
    const posts = bench.origin.requests.filter((one) => one.method === "POST");
    expect(posts.length).toBe(1);
    expect([200, 502]).toContain(posted.status);
  });
});

describe("what a switch changes", () => {
  test("reuse: false takes a new connection for every request and asks for its end", async () => {
    const bench = await startBench({ pool: ["reuse: false"] });
    await ask(bench.address, get());
    await ask(bench.address, get());
    expect(bench.origin.connections.length).toBe(2);
    expect(
      bench.origin.requests.every((one) =>
        one.headers.some((field) => field.name.toLowerCase() === "connection" && field.value === "close"),
      ),
    ).toBe(true);
    await bench.stop();
  });

  test("halfClose: true answers a client that has sent its FIN", async () => {
    const bench = await startBench({ listener: ["halfClose: true"] });
    bench.origin.script = async ({ connection, untilBody }) => {
      await untilBody();
      await Bun.sleep(20);
      connection.send(reply("late"));
    };
    const client = await connectRaw(bench.address);
    client.send(send("POST", "/", "abc"));
    client.finish();
    await client.untilClosed();
    expect(client.responses()[0]?.body.toString()).toBe("late");
    await bench.stop();
  });

  test("two workers keep one connection each for requests that come one after another", async () => {
    const bench = await startBench({ workers: 2 });
    for (let count = 0; count < 40; count++) await ask(bench.address, get());
    expect(bench.origin.connections.length).toBeLessThanOrEqual(2);
    await bench.stop();
  });
});

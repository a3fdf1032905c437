import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { startBench } from "../support/bench.ts";
import { ask } from "../support/raw-client.ts";
import { reply, answerWith } from "../support/raw-origin.ts";
import { headerOf } from "../support/strict-reader.ts";

// Above every bound of the helpers, so that they say what did not come.
setDefaultTimeout(20_000);

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

function request(...lines: readonly string[]): string {
  return ["GET /a HTTP/1.1", ...lines, "", ""].join("\r\n");
}

describe("fields on the way", () => {
  test("a stranger's forwarded fields, request id and trace are replaced, passed on or started", async () => {
    const bench = await startBench({ listener: ["forward: { forwarded: true }"] });
    await ask(
      bench.address,
      request(
        "Host: API.example:8080",
        "X-Forwarded-For: 6.6.6.6",
        "Forwarded: for=6.6.6.6",
        "X-Request-Id: mine",
        `traceparent: ${traceparent}`,
        "tracestate: a=b",
      ),
    );
    const seen = bench.origin.requests[0]!;
    expect(headerOf(seen, "host")).toBe("API.example:8080");
    expect(headerOf(seen, "x-forwarded-for")).toBe("127.0.0.1");
    expect(headerOf(seen, "x-forwarded-proto")).toBe("http");
    expect(headerOf(seen, "x-forwarded-host")).toBe("API.example:8080");
    expect(headerOf(seen, "x-forwarded-port")).toBe(String(bench.address.port));
    expect(headerOf(seen, "forwarded")).toBe('for=127.0.0.1;proto=http;host="API.example:8080"');
    expect(headerOf(seen, "x-request-id")).toMatch(/^[0-9a-f]{32}$/);
    expect(headerOf(seen, "traceparent")).toBe(traceparent);
    expect(headerOf(seen, "tracestate")).toBe("a=b");
    await bench.stop();
  });

  test("a trusted sender's fields are kept and added to", async () => {
    const bench = await startBench({ listener: ["trust: [127.0.0.0/8]", "forward: { forwarded: true }"] });
    await ask(
      bench.address,
      request(
        "Host: a",
        "X-Forwarded-For: 6.6.6.6",
        "X-Forwarded-For: 7.7.7.7",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: b",
        "X-Forwarded-Port: 443",
        "Forwarded: for=6.6.6.6",
        "X-Request-Id: mine",
      ),
    );
    const seen = bench.origin.requests[0]!;
    expect(headerOf(seen, "x-forwarded-for")).toBe("6.6.6.6, 7.7.7.7, 127.0.0.1");
    expect(headerOf(seen, "x-forwarded-proto")).toBe("https");
    expect(headerOf(seen, "x-forwarded-host")).toBe("b");
    expect(headerOf(seen, "x-forwarded-port")).toBe("443");
    expect(headerOf(seen, "forwarded")).toBe('for=6.6.6.6, for=127.0.0.1;proto=http;host="a"');
    expect(headerOf(seen, "x-request-id")).toBe("mine");
    await bench.stop();
  });

  test("ids are fresh for every request, and an invalid traceparent is replaced with its tracestate", async () => {
    const bench = await startBench();
    await ask(
      bench.address,
      request("Host: a", "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01", "tracestate: a=b"),
    );
    await ask(bench.address, request("Host: a"));
    const [first, second] = bench.origin.requests;
    for (const seen of [first!, second!])
      expect(headerOf(seen, "traceparent")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/);
    expect(headerOf(first!, "tracestate")).toBeUndefined();
    for (const name of ["x-request-id", "traceparent"])
      expect(headerOf(first!, name)).not.toBe(headerOf(second!, name));
    await bench.stop();
  });

  test("everything can be switched off, and then nothing is added", async () => {
    const bench = await startBench({
      listener: ["forward: { xForwarded: false, forwarded: false, requestId: false, traceContext: false }"],
    });
    await ask(bench.address, request("Host: a", "Accept: */*"));
    expect(bench.origin.requests[0]?.raw.toString()).toBe("GET /a HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n");
    await bench.stop();
  });

  test("underscores: pass lets names with an underscore through", async () => {
    const bench = await startBench({ listener: ["underscores: pass"] });
    await ask(bench.address, request("Host: a", "X_Y: z"));
    expect(headerOf(bench.origin.requests[0]!, "x_y")).toBe("z");
    await bench.stop();
  });

  test("hop-by-hop fields end here in both directions", async () => {
    const bench = await startBench();
    bench.origin.script = answerWith(
      reply("ok", "HTTP/1.1 200 OK", [
        "Connection: x-inner",
        "X-Inner: 1",
        "Keep-Alive: timeout=9",
        "Proxy-Connection: a",
        "X-Outer: 2",
      ]),
    );
    const answer = await ask(
      bench.address,
      request(
        "Host: a",
        "Connection: x-hop, keep-alive",
        "X-Hop: 1",
        "Keep-Alive: 3",
        "TE: trailers",
        "Proxy-Connection: b",
        "X-End: 4",
      ),
    );
    const seen = bench.origin.requests[0]!;
    for (const name of ["connection", "x-hop", "keep-alive", "proxy-connection"])
      expect(headerOf(seen, name)).toBeUndefined();
    expect(headerOf(seen, "x-end")).toBe("4");
    for (const name of ["connection", "x-inner", "keep-alive", "proxy-connection"])
      expect(headerOf(answer, name)).toBeUndefined();
    expect(headerOf(answer, "x-outer")).toBe("2");
    await bench.stop();
  });
});

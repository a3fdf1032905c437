import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Bench, get, startBench } from "../support/bench.ts";
import { ask } from "../support/raw-client.ts";
import { answerWith } from "../support/raw-origin.ts";
import { headerOf } from "../support/strict-reader.ts";

// Above every bound of the helpers, so that they say what did not come.
setDefaultTimeout(20_000);

/** An origin whose last answer was HTTP/1.0, so that it is known not to read chunks (RFC 9112 §6.1). */
async function beginKnown(): Promise<Bench> {
  const bench = await startBench({ scripts: [answerWith("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")] });
  expect((await ask(bench.address, get())).status).toBe(200);
  return bench;
}

function chunked(method: string, pieces: readonly string[], trailer = ""): string {
  const body = pieces.map((piece) => `${piece.length.toString(16)};ext=1\r\n${piece}\r\n`).join("");
  return `${method} / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}0\r\n${trailer}\r\n`;
}

describe("a chunked request for an endpoint that speaks HTTP/1.0", () => {
  test("is counted first and sent with its length, without chunks and trailers", async () => {
    const bench = await beginKnown();
    expect((await ask(bench.address, chunked("POST", ["abc", "de"], "X-Sum: 1\r\n"), "POST")).status).toBe(200);
    const seen = bench.origin.requests[1]!;
    expect(headerOf(seen, "content-length")).toBe("5");
    expect(headerOf(seen, "transfer-encoding")).toBeUndefined();
    expect(seen.body.toString()).toBe("abcde");
    expect(bench.origin.faults).toEqual([]);
    await bench.stop();
  });

  test("without a body says so", async () => {
    const bench = await beginKnown();
    expect((await ask(bench.address, chunked("POST", []), "POST")).status).toBe(200);
    expect(headerOf(bench.origin.requests[1]!, "content-length")).toBe("0");
    await bench.stop();
  });

  for (const [size, status] of [
    [65_536, 200],
    [65_537, 411],
  ] as const) {
    test(`of ${size} bytes gets ${status}: what is counted is bounded`, async () => {
      const bench = await beginKnown();
      const body = "x".repeat(size);
      expect(
        (await ask(bench.address, chunked("POST", [body.slice(0, 40_000), body.slice(40_000)]), "POST")).status,
      ).toBe(status);
      expect(bench.origin.requests.length).toBe(status === 200 ? 2 : 1);
      await bench.balancer.untilIdle();
      await bench.stop();
    });
  }

  test("is sent as it came where the endpoint is known to speak HTTP/1.1", async () => {
    const bench = await startBench();
    expect((await ask(bench.address, chunked("POST", ["abc"]), "POST")).status).toBe(200);
    expect(headerOf(bench.origin.requests[0]!, "transfer-encoding")).toBe("chunked");
    await bench.stop();
  });
});

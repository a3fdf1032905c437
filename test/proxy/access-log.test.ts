import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startBalancer } from "../support/balancer.ts";
import { get, send } from "../support/bench.ts";
import { ask } from "../support/raw-client.ts";
import { answerWith, reply, startOrigin } from "../support/raw-origin.ts";
import { scratchFolder } from "../support/scratch.ts";

// Above every bound of the helpers, so that they say what did not come.
setDefaultTimeout(20_000);

test("each exchange leaves a line of JSON without the query, and the end of the program loses none", async () => {
  const scratch = scratchFolder("access-log");
  const file = join(scratch.path, "access.log");
  const origin = startOrigin(answerWith(reply("hello")));
  const balancer = await startBalancer(`listeners:
  http: { bind: "127.0.0.1:0", pool: origin, limits: { bodyBytes: 10B } }
pools:
  origin: { health: off, endpoints: ["${origin.endpoint}"] }
log: { level: info, format: text, access: { sample: 100%, file: "${file}" } }`);
  const address = balancer.address("http");
  await ask(address, get("/a?token=secret"));
  await ask(address, send("POST", "/b", "12345"), "POST");
  await ask(address, send("POST", "/c", "12345678901"), "POST");
  await balancer.stop();
  origin.stop();
  expect(existsSync(file)).toBe(true);
  const text = readFileSync(file, "utf8");
  expect(text).not.toContain("secret");
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(
    lines.map(({ method, path, status, attempts, bytesIn, failure }) => ({
      method,
      path,
      status,
      attempts,
      bytesIn,
      failure,
    })),
  ).toEqual([
    { method: "GET", path: "/a", status: 200, attempts: 1, bytesIn: 0, failure: undefined },
    { method: "POST", path: "/b", status: 200, attempts: 1, bytesIn: 5, failure: undefined },
    { method: "POST", path: "/c", status: 413, attempts: 0, bytesIn: 0, failure: "refused" },
  ]);
  const [first] = lines;
  expect(first).toMatchObject({ listener: "http", client: "127.0.0.1", pool: "origin", endpoint: origin.endpoint });
  expect(first!["requestId"]).toMatch(/^[0-9a-f]{32}$/);
  expect(first!["durationMs"]).toBeGreaterThan(0);
  scratch.remove();
});

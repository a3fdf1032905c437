import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type Balancer, startBalancer } from "../support/balancer.ts";
import { readCases } from "../support/case-file.ts";
import { needs } from "../support/needs.ts";
import { type Nginx, startNginx } from "../support/nginx.ts";
import { ask, connectRaw } from "../support/raw-client.ts";
import { type RawOrigin, startOrigin } from "../support/raw-origin.ts";
import { expectedOrigin } from "./expectation.ts";
import { runCase, sendAndSettle } from "./run-case.ts";

const corpus = join(import.meta.dir, "..", "corpus");

/** Limits and timeouts are small, so that every case shows its end within its 2 s. */
function configuration(endpoint: string): string {
  return `
listeners:
  http:
    bind: 127.0.0.1:0
    pool: origin
    limits: { headBytes: 8KiB, headers: 50, targetBytes: 2KiB, bodyBytes: 64KiB }
    timeouts: { head: 300ms, idle: 60s, body: 300ms }
pools:
  origin:
    endpoints: [${endpoint}]
    health: off
    retry: { attempts: 1 }
    timeouts: { connect: 500ms, response: 400ms }
`;
}

for (const file of ["hostile-requests.txt", "hostile-responses.txt"]) {
  describe(`${file} through the process, before a raw origin`, () => {
    let origin: RawOrigin;
    let balancer: Balancer;
    beforeAll(async () => {
      origin = startOrigin();
      balancer = await startBalancer(configuration(origin.endpoint));
    });
    afterAll(async () => {
      expect(await balancer.stop()).toBe(0);
      origin.stop();
    });
    for (const one of readCases(join(corpus, file))) {
      test(one.name, async () => {
        const complaints = await runCase({ balancer, origin, address: balancer.address("http") }, one);
        expect(complaints).toEqual([]);
      });
    }
  });
}

const real = needs({ commands: ["nginx"] });

describe.skipIf(real.missing)(real.name("hostile-requests.txt through the process, before nginx"), () => {
  let nginx: Nginx;
  let balancer: Balancer;
  beforeAll(async () => {
    nginx = await startNginx();
    balancer = await startBalancer(configuration(nginx.endpoint));
  });
  afterAll(async () => {
    await balancer.stop();
    await nginx.stop();
  });
  for (const one of readCases(join(corpus, "hostile-requests.txt"))) {
    // nginx has its own opinion about some legal requests (TRACE, CONNECT, unknown methods): what matters is that it
    // sees the same requests as the raw origin, and no other.
    test(one.name, async () => {
      const client = await connectRaw(balancer.address("http"));
      await sendAndSettle(client, one);
      client.close();
      const wanted = expectedOrigin(one);
      const count = wanted.kind === "requests" ? wanted.messages.length : 0;
      const lines = (await nginx.seen(count)).filter((seen) => seen.status !== 499).map((seen) => seen.line);
      if (wanted.kind === "nothing complete") expect(lines.filter((line) => !line.startsWith("POST /a "))).toEqual([]);
      else expect(lines).toEqual(wanted.messages.map((message) => `${message.what} HTTP/1.1`));
      const good = await ask(balancer.address("http"), "GET /good HTTP/1.1\r\nHost: good\r\n\r\n");
      expect(good.status).toBe(200);
      await nginx.seen(1);
      await balancer.untilIdle(2000);
    });
  }
});

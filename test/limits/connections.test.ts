import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { get, send } from "../support/bench.ts";
import { ask, connectRaw, type RawClient } from "../support/raw-client.ts";
import { clientsPerWorker, type Limited, queued, withLimited } from "./support/limited.ts";

setDefaultTimeout(30_000);

/** Connects `count` times at once and says which of them are served. */
async function served({ address }: Limited, count: number): Promise<readonly RawClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => connectRaw(address)));
  const isDecided = (client: RawClient): boolean => client.ending !== undefined || client.responses().length > 0;
  for (const client of clients) client.send(get());
  for (const client of clients) await client.until("an answer or the end", () => isDecided(client));
  return clients.filter((client) => client.responses()[0]?.status === 200);
}

describe("limits of client connections hold over two workers", () => {
  for (const [what, plan] of [
    ["listeners.*.limits.connections", { listener: ["limits: { connections: 7 }"] }],
    ["process.connections", { top: ["process: { workers: 2, connections: 7, drain: 1s, data: /tmp }"] }],
  ] as const) {
    test(`${what}: of 60 at once 7 are served, and a freed place is one for any worker`, () =>
      withLimited(plan, async (limited) => {
        limited.origin.answersAtOnce = true;
        const first = await served(limited, 60);
        expect(first.length).toBeGreaterThan(0);
        expect(first.length).toBeLessThanOrEqual(7);
        // Of those that came at the same moment both may have been sent away; one after the other, all places are taken.
        const all = [...first];
        for (let tries = 0; tries < 20; tries++) all.push(...(await served(limited, 1)));
        expect(all.length).toBe(7);
        const view = await limited.balancer.status();
        expect(view.listeners[0]?.counters).toMatchObject({ connectionsNow: 7, refused: 73 });
        all[3]!.close();
        await limited.balancer.untilStatus(
          "one has left",
          ({ listeners }) => listeners[0]?.counters.connectionsNow === 6,
        );
        expect((await served(limited, 1)).length).toBe(1);
        expect((await served(limited, 1)).length).toBe(0);
        for (const client of all) client.close();
      }));
  }

  test("a killed worker's connections do not count any more", () =>
    withLimited({ listener: ["limits: { connections: 4 }"] }, async (limited) => {
      limited.origin.answersAtOnce = true;
      const clients: RawClient[] = [];
      for (let tries = 0; tries < 8; tries++) clients.push(...(await served(limited, 1)));
      expect(clients.length).toBe(4);
      for (const pid of await limited.balancer.workers()) process.kill(pid, "SIGKILL");
      for (const client of clients) await client.untilClosed();
      await limited.balancer.untilReady(5000);
      const all: RawClient[] = [];
      for (let tries = 0; tries < 8; tries++) all.push(...(await served(limited, 1)));
      expect(all.length).toBe(4);
      for (const client of all) client.close();
    }));
});

describe("a limit of connections to an endpoint", () => {
  test("limit 2, two workers: never 3 at once, over two thousand requests, with new and kept connections", () =>
    withLimited({ limits: "{ connections: 2 }" }, async (limited) => {
      const { origin } = limited;
      origin.answersAtOnce = true;
      const clients = (await clientsPerWorker(limited, 6)).flat();
      await Promise.all(
        clients.map(async (client, at) => {
          client.keepBytes = false;
          for (let sent = 1, seen = 0; sent <= 2000 / clients.length; sent++) {
            client.send(sent % 3 === at % 3 ? send("POST", "/", "") : get());
            const before = seen;
            await client.until("an answer", () => client.receivedBytes > before, 20_000);
            seen = client.receivedBytes;
          }
          client.close();
        }),
      );
      expect(origin.connectionsMost).toBe(2);
      expect(origin.most).toBe(2);
    }));

  test("an unused connection of one worker makes room for a request that waits in the other", () =>
    withLimited({ limits: "{ connections: 1 }" }, async (limited) => {
      const { origin } = limited;
      origin.answersAtOnce = true;
      const clients = (await clientsPerWorker(limited, 1)).map(([client]) => client!);
      for (let turn = 0; turn < 10; turn++) {
        const client = clients[turn % 2]!;
        client.send(get());
        expect((await client.untilResponses(1 + (turn >> 1))).at(-1)?.status).toBe(200);
      }
      expect(origin.connectionsMost).toBe(1);
      for (const client of clients) client.close();
    }));

  test("reuse: false keeps the limit, too", () =>
    withLimited({ limits: "{ connections: 1 }", pool: ["reuse: false"] }, async ({ address, balancer, origin }) => {
      const holder = await connectRaw(address);
      holder.send(get());
      await origin.untilRequests(1);
      const waiting = await connectRaw(address);
      waiting.send(get());
      await queued(balancer, 1);
      origin.answersAtOnce = true;
      origin.requests[0]!.answer();
      expect((await waiting.untilResponses(1))[0]?.status).toBe(200);
      expect((await ask(address, get())).status).toBe(200);
      expect(origin.connectionsMost).toBe(1);
      for (const client of [holder, waiting]) client.close();
    }));
});

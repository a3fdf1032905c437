import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fnv1a64 } from "../../src/lib/fnv.ts";
import { type Balancer, type BalancerOptions, residentBytes, startBalancer } from "../support/balancer.ts";
import { Child } from "../support/child.ts";
import { scratchFolder } from "../support/scratch.ts";
import { eventually } from "../support/within.ts";

/** Unit of memory limits. */
const mebibyte = 1024 * 1024;
const balancers: Balancer[] = [];
const origins: Bun.Server<undefined>[] = [];

afterEach(async () => {
  for (const balancer of balancers.splice(0)) await balancer.stop();
  for (const origin of origins.splice(0)) await origin.stop(true);
});

/** A service that answers with its name, and to /slow only when `release` is called. */
function origin(name: string): { address: string; asked: Promise<void>; release: () => void } {
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      if (new URL(request.url).pathname !== "/slow") return new Response(name);
      asked.resolve();
      await released.promise;
      return new Response(`${name}, late`);
    },
  });
  origins.push(server);
  return { address: `127.0.0.1:${server.port}`, asked: asked.promise, release: released.resolve };
}

function yaml(...endpoints: string[]): string {
  return `listeners:\n  api: { bind: 127.0.0.1:0, pool: app }\npools:\n  app: { endpoints: [${endpoints.join(", ")}] }`;
}

async function begin(text: string, options: BalancerOptions = {}): Promise<Balancer> {
  const balancer = await startBalancer(text, options);
  balancers.push(balancer);
  return balancer;
}

/** One request on a connection of its own. */
async function get(balancer: Balancer, path = "/"): Promise<string> {
  const { host, port } = balancer.address("api");
  const response = await fetch(`http://${host}:${port}${path}`, {
    headers: { connection: "close" },
  });
  return `${response.status} ${await response.text()}`;
}

describe("the real program", () => {
  test("workers have their name, and at most 60 MiB before load", async () => {
    const balancer = await begin(yaml(origin("a").address), { workers: 2 });
    for (const pid of await balancer.workers()) {
      expect(readFileSync(`/proc/${pid}/comm`, "utf8").trim()).toBe("wst-worker");
      expect(await residentBytes(pid)).toBeLessThanOrEqual(60 * mebibyte);
    }
  });

  test("workers killed under traffic: no connection is refused, and only requests on a killed worker's connections are cut", async () => {
    const balancer = await begin(yaml(origin("a").address), { workers: 2 });
    const end = new AbortController();
    let answered = 0;
    const failures: string[] = [];
    const client = async (): Promise<void> => {
      while (!end.signal.aborted) {
        try {
          expect(await get(balancer)).toBe("200 a");
          answered++;
        } catch (error) {
          failures.push(error instanceof Error && "code" in error ? String(error.code) : String(error));
        }
      }
    };
    const clientsCount = 4;
    const clients = Array.from({ length: clientsCount }, client);
    const kills = 5;
    for (let kill = 0; kill < kills; kill++) {
      const before = answered;
      const victim = (await balancer.workers())[kill % 2]!;
      process.kill(victim, "SIGKILL");
      await balancer.untilStatus("both workers are ready again", ({ workers }) =>
        workers.every(({ pid, state }) => state === "ready" && pid !== victim),
      );
      await eventually("traffic goes on", async () => answered > before + 20 || undefined);
    }
    end.abort();
    await Promise.all(clients);
    // A client of ours has one request at a time: a death can cut at most that one.
    expect(failures.filter((code) => code !== "ECONNRESET")).toEqual([]);
    expect(failures.length).toBeLessThanOrEqual(kills * clientsCount);
    const { workers, listeners } = await balancer.untilIdle();
    expect(workers.reduce((sum, { restarts }) => sum + restarts, 0)).toBe(kills);
    // Totals survive their worker; what it had not yet counted is at most what was cut.
    const { exchanges } = listeners[0]!.counters;
    expect(exchanges).toBeGreaterThanOrEqual(answered);
    expect(exchanges).toBeLessThanOrEqual(answered + failures.length);
  }, 30_000);

  test("nothing in the folder where it is started decides what it runs", async () => {
    const folder = scratchFolder("cwd");
    const listener = "listeners: { api: { bind: 127.0.0.1:0, pool: app } }";
    const process = `process: { workers: 1, data: ${folder.path} }`;
    const admin = `admin: { bind: 127.0.0.1:0, socket: ${join(folder.path, "admin.sock")} }`;
    writeFileSync(
      join(folder.path, "my.yaml"),
      `version: 1\n${listener}\npools: { app: { endpoints: [127.0.0.1:9] } }\n${process}\n${admin}\n`,
    );
    // Bun reads this file in the current folder unless it is told not to.
    writeFileSync(join(folder.path, "bunfig.toml"), 'preload = ["./first.ts"]\n');
    writeFileSync(join(folder.path, "first.ts"), 'console.error("code of the current folder")\n');
    const program = join(import.meta.dir, "..", "..", "bin", "weichensteller");
    const child = new Child([program, "run", "-c", "my.yaml"], { cwd: folder.path });
    try {
      await child.until("it runs", () => child.output.includes("running with"));
    } finally {
      await child.stop();
      folder.remove();
    }
    expect(child.output).not.toContain("code of the current folder");
  });

  test("SIGTERM: what runs is finished, new connections are refused, the exit code is 0", async () => {
    const slow = origin("a");
    const balancer = await begin(yaml(slow.address), { drain: "30s" });
    const answer = get(balancer, "/slow");
    await slow.asked;
    balancer.child.signal("SIGTERM");
    await eventually("new connections are refused", () =>
      get(balancer).then(
        () => undefined,
        () => true,
      ),
    );
    slow.release();
    expect(await answer).toBe("200 a, late");
    expect(await balancer.child.exited()).toBe(0);
  });

  test("SIGHUP: the next request goes by the new file, one that runs is finished by the old", async () => {
    const [old, next] = [origin("old"), origin("new")];
    const balancer = await begin(yaml(old.address), { workers: 2 });
    const running = get(balancer, "/slow");
    await old.asked;
    const text = readFileSync(balancer.file, "utf8");
    writeFileSync(balancer.file, text.replace(old.address, next.address));
    balancer.child.signal("SIGHUP");
    await balancer.untilStatus("revision 2", ({ revision }) => revision === 2);
    for (let requests = 0; requests < 20; requests++) expect(await get(balancer)).toBe("200 new");
    old.release();
    expect(await running).toBe("200 old, late");
  });

  test("SIGHUP with a mistake in the file: all its issues with their places, and nothing changes", async () => {
    const balancer = await begin(yaml(origin("a").address));
    const text = readFileSync(balancer.file, "utf8");
    writeFileSync(balancer.file, text.replace("pool: app }", "pool: apq, limit: 3 }"));
    balancer.child.signal("SIGHUP");
    await balancer.child.until("the reload is refused", () => balancer.output().includes("nothing has changed"));
    expect(balancer.output()).toContain("apq");
    expect(balancer.output()).toContain("limit");
    expect(await get(balancer)).toBe("200 a");
    expect((await balancer.status()).revision).toBe(1);
  });

  test("a killed supervisor: workers go on serving, and SIGTERM ends them", async () => {
    const balancer = await begin(yaml(origin("a").address), { workers: 2 });
    const workers = await balancer.workers();
    balancer.child.signal("SIGKILL");
    await balancer.child.exited();
    for (let requests = 0; requests < 10; requests++) expect(await get(balancer)).toBe("200 a");
    for (const pid of workers) process.kill(pid, "SIGTERM");
    await eventually("nobody listens", () =>
      get(balancer).then(
        () => undefined,
        () => true,
      ),
    );
    // Its supervisor would have removed it, or the next one would replace it.
    rmSync(`/dev/shm/weichensteller-${process.getuid?.()}-${fnv1a64(balancer.adminSocket)}`, {
      force: true,
    });
  });
});

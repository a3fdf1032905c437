import { afterEach, describe, expect, test } from "bun:test";
import { needs } from "../support/needs.ts";
import { eventually } from "../support/within.ts";
import { startLoad } from "./support/load.ts";
import { isWorker, Program } from "./support/program.ts";

const programs: Program[] = [];
const origins: Bun.Server<undefined>[] = [];

afterEach(async () => {
  for (const program of programs.splice(0)) await program.end();
  for (const origin of origins.splice(0)) await origin.stop(true);
});

function newProgram(): Program {
  const program = new Program();
  programs.push(program);
  return program;
}

function origin(): string {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("here") });
  origins.push(server);
  return `127.0.0.1:${server.port}`;
}

const api = "  api: { bind: 127.0.0.1:0, pool: app }";
const more = "  more: { bind: 127.0.0.1:0, pool: app }";
const root = needs({ root: true });

async function adopts(process_: string): Promise<void> {
  const program = newProgram();
  const pools = `  app: { endpoints: [${origin()}, ${origin()}] }`;
  program.write({ listeners: api, pools, process: process_ });
  const first = await program.start();
  const workers = await program.sortedWorkers();
  const where = await program.address("api");
  const load = startLoad(where, { keepAlive: 4, fresh: 4 });
  await eventually("there is load", () => (load.tally.answered > 50 ? true : undefined));
  const before = (await program.status()).listeners[0]!.counters.exchanges;
  first.signal("SIGKILL");
  await first.exited();
  const withoutFrom = load.tally.answered;
  await eventually("requests go on without a supervisor", () =>
    load.tally.answered > withoutFrom + 20 ? true : undefined,
  );

  const second = await program.start();
  expect(second.output).toContain("they are taken over");
  const view = await program.status();
  expect(await program.sortedWorkers()).toEqual(workers);
  expect(view.listeners[0]!.addresses[0]).toEqual({ host: where.host, port: where.port });
  expect(view.listeners[0]!.counters.exchanges).toBeGreaterThan(before);
  expect(view.workers.every(({ state }) => state === "ready")).toBe(true);

  // The new supervisor changes what the old workers do,
  program.write({ listeners: `${api}\n${more}`, pools, process: process_ });
  expect((await program.post("/api/v1/reload")).body).toMatchObject({ revision: view.revision + 1 });
  const added = await program.address("more");
  expect(await (await fetch(`http://${added.host}:${added.port}/`)).text()).toBe("here");
  const tally = await load.stop();
  expect(tally.failures).toEqual([]);
  console.log(`  ${tally.answered} requests, none failed, longest ${tally.longestMs.toFixed(0)} ms`);

  // replaces them when they die,
  process.kill(workers[0]!, "SIGKILL");
  await eventually("the killed worker is replaced", async () => {
    const now = (await program.status()).workers;
    return now.every(({ pid, state }) => pid !== workers[0] && state === "ready") ? true : undefined;
  });

  // and ends them.
  second.signal("SIGTERM");
  expect(await second.exited()).toBe(0);
  for (const pid of workers) expect(isWorker(pid)).toBe(false);
}

describe("a supervisor that follows a killed one", () => {
  test("takes its workers over: no request fails, counters go on, reload, replacement and drain work", async () => {
    await adopts("workers: 2");
  }, 20_000);

  test.skipIf(root.missing)(
    root.name("as root, with workers that are another user"),
    async () => adopts("workers: 2, user: nobody"),
    20_000,
  );

  test("keeps what was known of the endpoints: one that is DOWN gets no request before its first check", async () => {
    const program = newProgram();
    const here = origin();
    const dead = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const gone = `127.0.0.1:${dead.port}`;
    dead.stop(true);
    const pools = (interval: string): string => {
      const health = `{ http: { path: / }, interval: ${interval}, fastInterval: ${interval}, timeout: 100ms, fall: 1 }`;
      return `  app: { endpoints: [${here}, ${gone}], health: ${health} }`;
    };
    program.write({ listeners: api, pools: pools("100ms") });
    const first = await program.start();
    const states = async () => (await program.status()).pools[0]!.endpoints.map(({ state }) => state);
    await eventually("the endpoint is DOWN", async () => ((await states()).join() === "0,1" ? true : undefined), {
      timeoutMs: 10_000,
    });
    first.signal("SIGKILL");
    await first.exited();
    // Checks are rare now: the second supervisor has none to go by.
    program.write({ listeners: api, pools: pools("60s") });
    await program.start();
    expect(await states()).toEqual([0, 1]);
  }, 20_000);

  test("with fewer places than workers drains those that are left over; with more it starts some", async () => {
    const program = newProgram();
    const pools = `  app: { endpoints: [${origin()}] }`;
    program.write({ listeners: api, pools, process: "workers: 3" });
    const first = await program.start();
    const workers = await program.sortedWorkers();
    first.signal("SIGKILL");
    await first.exited();
    program.write({ listeners: api, pools, process: "workers: 1" });
    const second = await program.start();
    const [kept] = await program.workers();
    expect(workers).toContain(kept!);
    await eventually("one worker is left", () => (workers.filter(isWorker).length === 1 ? true : undefined));
    second.signal("SIGKILL");
    await second.exited();
    program.write({ listeners: api, pools, process: "workers: 2" });
    await program.start();
    const now = await program.workers();
    expect(now.length).toBe(2);
    expect(now).toContain(kept!);
  }, 20_000);

  test("waits for no worker that hangs: it is replaced, the others are taken over", async () => {
    const program = newProgram();
    program.write({ listeners: api, pools: `  app: { endpoints: [${origin()}] }`, process: "workers: 2, drain: 0s" });
    const first = await program.start();
    const [hung, other] = await program.workers();
    first.signal("SIGKILL");
    process.kill(hung!, "SIGSTOP");
    await first.exited();
    await program.start();
    const now = await program.workers();
    expect(now).toContain(other!);
    expect(now).not.toContain(hung!);
    await eventually("the hung one is gone", () => (isWorker(hung!) ? undefined : true), { timeoutMs: 10_000 });
  }, 20_000);

  test("that finds its port taken changes nothing: the workers go on, and the next one takes them over", async () => {
    const program = newProgram();
    const pools = `  app: { endpoints: [${origin()}] }`;
    program.write({ listeners: api, pools });
    const first = await program.start();
    const workers = await program.sortedWorkers();
    const { host, port } = await program.address("api");
    first.signal("SIGKILL");
    await first.exited();
    const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    program.write({ listeners: `${api}\n  more: { bind: 127.0.0.1:${other.port}, pool: app }`, pools });
    expect(await program.start().catch(String)).toContain("address in use by");
    expect(await (await fetch(`http://${host}:${port}/`)).text()).toBe("here");
    other.stop(true);
    await program.start();
    expect(await program.sortedWorkers()).toEqual(workers);
  }, 20_000);
});

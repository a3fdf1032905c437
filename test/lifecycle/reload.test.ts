import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, renameSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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

/** A pool `app` of a service that answers at once. */
function app(): string {
  const origin = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("here") });
  origins.push(origin);
  return `  app: { endpoints: [127.0.0.1:${origin.port}] }`;
}

const api = "  api: { bind: 127.0.0.1:0, pool: app }";
const more = "  more: { bind: 127.0.0.1:0, pool: app }";

async function get({ host, port }: { host: string; port: number }): Promise<string> {
  return (await fetch(`http://${host}:${port}/`, { headers: { connection: "close" } })).text();
}

describe("reload", () => {
  test("20 reloads under load, with a listener that comes and goes: nothing fails, each is in use within 100 ms", async () => {
    const program = newProgram();
    const pools = app();
    program.write({ listeners: api, pools });
    await program.start();
    const workers = await program.workers();
    const load = startLoad(await program.address("api"), { keepAlive: 4, fresh: 4 });
    const tookMs: number[] = [];
    for (let count = 1; count <= 20; count++) {
      program.write({ listeners: count % 2 === 1 ? `${api}\n${more}` : api, pools });
      const { status, body } = await program.post("/api/v1/reload");
      expect([status, body["revision"]]).toEqual([200, count + 1]);
      tookMs.push(Number(body["commitMs"]));
      if (count % 2 === 1) expect(await get(await program.address("more"))).toBe("here");
    }
    const tally = await load.stop();
    expect(tally.failures).toEqual([]);
    expect(tally.answered).toBeGreaterThan(100);
    expect(await program.workers()).toEqual(workers);
    const longest = Math.max(...tookMs);
    console.log(
      `  20 reloads, ${tally.answered} requests, none failed, longest ${tally.longestMs.toFixed(0)} ms; ` +
        `commit in all workers after ${longest.toFixed(1)} ms at most`,
    );
    expect(longest).toBeLessThan(100);
  }, 20_000);

  test("a removed listener is refused at once; a kept connection to it gets one more answer, and its end", async () => {
    const program = newProgram();
    const pools = app();
    program.write({ listeners: `${api}\n${more}`, pools });
    await program.start();
    const { host, port } = await program.address("more");
    const load = startLoad({ host, port }, { keepAlive: 2, fresh: 0 });
    await eventually("the kept connections are in use", () => Promise.resolve(load.tally.answered > 10 || undefined));
    program.write({ listeners: api, pools });
    expect((await program.post("/api/v1/reload")).status).toBe(200);
    expect(await get({ host, port }).catch(() => "refused")).toBe("refused");
    // Each client got an answer that said close, and was refused when it came again.
    await eventually("the clients come again", () => Promise.resolve(load.tally.failures.length > 1 || undefined));
    for (const failure of (await load.stop()).failures) expect(failure).toMatch(/ECONNREFUSED|Failed to connect/);
    expect(await get(await program.address("api"))).toBe("here");
  }, 20_000);

  test("an address moves to another listener name without a moment of refusal", async () => {
    const program = newProgram();
    const pools = app();
    const free = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const { port } = free;
    free.stop(true);
    program.write({ listeners: `  one: { bind: 127.0.0.1:${port}, pool: app }`, pools });
    await program.start();
    const load = startLoad({ host: "127.0.0.1", port }, { keepAlive: 2, fresh: 4 });
    for (const name of ["two", "three", "four"]) {
      program.write({ listeners: `  ${name}: { bind: 127.0.0.1:${port}, pool: app }`, pools });
      expect((await program.post("/api/v1/reload")).status).toBe(200);
    }
    expect((await load.stop()).failures).toEqual([]);
  }, 20_000);

  test("a port that someone else has: nothing changes, and the answer names the holder", async () => {
    const program = newProgram();
    const pools = app();
    program.write({ listeners: api, pools });
    await program.start();
    const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    program.write({ listeners: `${more}\n  api: { bind: 127.0.0.1:${other.port}, pool: app }`, pools });
    const { exitCode, output } = await program.command("reload");
    expect(exitCode).toBe(1);
    expect(output).toContain(`127.0.0.1:${other.port}: address in use by`);
    expect(output).toContain(`(pid ${process.pid}`);
    const view = await program.status();
    expect([view.revision, view.listeners.map(({ name }) => name)]).toEqual([1, ["api"]]);
    other.stop(true);
    expect(await program.command("reload")).toMatchObject({
      exitCode: 0,
      output: "the configuration is in use as revision 2\n",
    });
  }, 20_000);

  test("a wrong file: every issue in the answer, exit code 2, nothing changed", async () => {
    const program = newProgram();
    program.write({ listeners: api, pools: app() });
    await program.start();
    program.write({ listeners: "  api: { bind: 127.0.0.1:0, pool: nowhere }", pools: "  app: { endpoints: [] }" });
    const { exitCode, output } = await program.command("reload");
    expect(exitCode).toBe(2);
    expect(output).toContain("nowhere");
    expect(output).toContain("endpoints");
    expect((await program.status()).revision).toBe(1);
  }, 20_000);

  test("an admin address that changed is refused by name, with what would apply it", async () => {
    const program = newProgram();
    const pools = app();
    program.write({ listeners: api, pools });
    await program.start();
    const text = program.text({ listeners: api, pools });
    writeFileSync(program.file, text.replace("bind: off", "bind: 127.0.0.1:0"));
    const bind = await program.post("/api/v1/reload");
    expect(bind.status).toBe(409);
    expect(JSON.stringify(bind.body)).toContain("admin.bind changed from none to 127.0.0.1:0: takes an upgrade");
    writeFileSync(program.file, text.replace("admin.sock", "other.sock"));
    const socket = await program.post("/api/v1/reload");
    expect(JSON.stringify(socket.body)).toContain("takes a stop and a start");
    expect(JSON.stringify((await program.post("/api/v1/upgrade")).body)).toContain("takes a stop and a start");
    expect((await program.status()).revision).toBe(1);
  }, 20_000);

  test("a state file that cannot be written is said once; the instance goes on, and says when it can again", async () => {
    const program = newProgram();
    const pools = app();
    program.write({ listeners: api, pools });
    const child = await program.start();
    const state = readdirSync(program.folder).find((name) => name.endsWith(".state"))!;
    // As good as a full disk: the new file cannot be made.
    const obstacle = join(program.folder, `${state}.new`);
    mkdirSync(obstacle);
    for (const revision of [2, 3]) {
      expect((await program.post("/api/v1/reload")).body).toMatchObject({ revision });
    }
    expect(child.output.match(/the instance goes on/g)?.length).toBe(1);
    rmdirSync(obstacle);
    expect((await program.post("/api/v1/reload")).body).toMatchObject({ revision: 4 });
    expect(child.output).toContain("is written again");
  }, 20_000);

  test("process.watch: a file that is written, or replaced, is a reload", async () => {
    const program = newProgram();
    const pools = app();
    const watching = { pools, process: "workers: 1, watch: true" };
    program.write({ ...watching, listeners: api });
    await program.start();
    const revision = (number: number) => async () => ((await program.status()).revision === number ? true : undefined);
    program.write({ ...watching, listeners: `${api}\n${more}` });
    await eventually("the written file is in use", revision(2));
    // As editors do it: another file takes the name.
    writeFileSync(`${program.file}~`, program.text({ ...watching, listeners: api }));
    renameSync(`${program.file}~`, program.file);
    await eventually("the file that replaced it is in use", revision(3));
    expect((await program.status()).listeners.length).toBe(1);
  }, 20_000);
});

describe("a worker that hangs", () => {
  test("is noticed, named, killed and replaced; its counters stay", async () => {
    const program = newProgram();
    program.write({ listeners: api, pools: app(), process: "workers: 1" });
    const child = await program.start();
    const where = await program.address("api");
    for (let count = 0; count < 3; count++) await get(where);
    const [hung] = await program.workers();
    process.kill(hung!, "SIGSTOP");
    const view = await eventually(
      "another worker serves",
      async () => {
        const now = await program.status();
        return now.workers[0]!.pid !== hung && now.workers[0]!.state === "ready" ? now : undefined;
      },
      { timeoutMs: 10_000 },
    );
    expect(isWorker(hung!)).toBe(false);
    expect(child.output).toContain(`worker 0 (pid ${hung}) has done nothing for 2`);
    expect(view.listeners[0]!.counters.exchanges).toBe(3);
    expect(view.listeners[0]!.counters.connectionsNow).toBe(0);
    expect(await get(where)).toBe("here");
  }, 20_000);
});

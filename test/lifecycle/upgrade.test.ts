import { afterEach, describe, expect, test } from "bun:test";
import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/within.ts";
import { startLoad } from "./support/load.ts";
import { isWorker, Program } from "./support/program.ts";

const launcher = join(import.meta.dir, "..", "..", "bin", "weichensteller");
const programs: Program[] = [];
const origins: Bun.Server<undefined>[] = [];

afterEach(async () => {
  for (const program of programs.splice(0)) await program.end();
  for (const origin of origins.splice(0)) await origin.stop(true);
});

function newProgram(process_ = "workers: 2"): Program {
  const program = new Program();
  programs.push(program);
  const origin = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("here") });
  origins.push(origin);
  program.write({
    listeners: "  api: { bind: 127.0.0.1:0, pool: app }",
    pools: `  app: { endpoints: [127.0.0.1:${origin.port}] }`,
    process: process_,
  });
  return program;
}

/** A launcher in the instance's folder that can be exchanged, as a new release does it. */
function install(program: Program, script?: string): string {
  const path = join(program.folder, "weichensteller");
  rmSync(path, { force: true });
  if (script === undefined) symlinkSync(launcher, path);
  else writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

describe("upgrade", () => {
  test("5 upgrades under load: the same pid, other workers, counters go on, no request fails", async () => {
    const program = newProgram();
    const child = await program.start();
    let workers = await program.workers();
    const load = startLoad(await program.address("api"), { keepAlive: 4, fresh: 4 });
    for (let count = 1; count <= 5; count++) {
      const before = await program.status();
      const { exitCode, output } = await program.command("upgrade");
      expect(output).toContain("is upgraded");
      expect(exitCode).toBe(0);
      const after = await program.status();
      expect(after.pid).toBe(child.pid);
      expect(after.listeners[0]!.addresses).toEqual(before.listeners[0]!.addresses);
      expect(after.listeners[0]!.counters.exchanges).toBeGreaterThan(before.listeners[0]!.counters.exchanges);
      for (const { pid } of after.workers) expect(workers).not.toContain(pid);
      const old = workers;
      workers = after.workers.map(({ pid }) => pid);
      await eventually("the workers of before are gone", () => (old.some(isWorker) ? undefined : true));
    }
    const tally = await load.stop();
    expect(tally.failures).toEqual([]);
    console.log(`  5 upgrades, ${tally.answered} requests, none failed, longest ${tally.longestMs.toFixed(0)} ms`);
    child.signal("SIGTERM");
    expect(await child.exited()).toBe(0);
    expect(workers.some(isWorker)).toBe(false);
  }, 40_000);

  test("SIGUSR2 is an upgrade too, and a reload works after it", async () => {
    const program = newProgram();
    const child = await program.start();
    const { startedAt } = await program.status();
    child.signal("SIGUSR2");
    await eventually("the new program runs", async () => {
      const view = await program.status().catch(() => undefined);
      return view !== undefined && view.startedAt !== startedAt && view.state === "running" ? view : undefined;
    });
    expect((await program.post("/api/v1/reload")).status).toBe(200);
  }, 20_000);

  test("applies what a reload cannot: the number of workers", async () => {
    const program = newProgram();
    await program.start();
    const text = await Bun.file(program.file).text();
    writeFileSync(program.file, text.replace("workers: 2", "workers: 3"));
    expect((await program.post("/api/v1/reload")).status).toBe(409);
    expect((await program.command("upgrade")).exitCode).toBe(0);
    expect((await program.workers()).length).toBe(3);
  }, 20_000);

  test("a configuration that the new program does not take: refused with its words, nothing changed", async () => {
    const program = newProgram();
    await program.start();
    const workers = await program.sortedWorkers();
    const { revision, startedAt } = await program.status();
    writeFileSync(program.file, "version: 1\nlisteners: 5\n");
    const { exitCode, output } = await program.command("upgrade");
    expect(exitCode).toBe(1);
    expect(output).toContain("listeners");
    expect(await program.status()).toMatchObject({ revision, startedAt });
    expect(await program.workers()).toEqual(workers);
  }, 20_000);

  test("a program that is not there: refused, nothing changed", async () => {
    const program = newProgram();
    const path = install(program);
    await program.start({}, path);
    const workers = await program.sortedWorkers();
    rmSync(path);
    const { exitCode, output } = await program.command("upgrade");
    expect(exitCode).toBe(1);
    expect(output).toContain(path);
    expect(await program.workers()).toEqual(workers);
  }, 20_000);

  test("a program whose workers do not start: those of before go on, and the next upgrade replaces it", async () => {
    const program = newProgram();
    const path = install(program);
    const child = await program.start({}, path);
    const workers = await program.workers();
    const load = startLoad(await program.address("api"), { keepAlive: 2, fresh: 2 });
    const main = join(import.meta.dir, "support", "no-workers.ts");
    install(program, `[ "$1" = check ] || exec ${process.execPath} ${main} ${program.file} ${path}`);
    child.signal("SIGUSR2");
    await child.until(
      "it says that it is stalled",
      () => child.output.includes("those of before go on serving"),
      15_000,
    );
    expect(workers.every(isWorker)).toBe(true);
    install(program);
    expect(await program.command("upgrade")).toMatchObject({ exitCode: 0 });
    expect((await program.status()).workers.length).toBe(2);
    expect((await load.stop()).failures).toEqual([]);
  }, 30_000);

  test("a program that ends at once: it is said, the workers of before go on, the next start takes them over", async () => {
    const program = newProgram();
    const child = await program.start({}, install(program));
    const workers = await program.sortedWorkers();
    const load = startLoad(await program.address("api"), { keepAlive: 2, fresh: 2 });
    // The check passes, the program does not run.
    install(program, 'if [ "$1" = check ]; then exit 0; fi; exit 7');
    const { exitCode, output } = await program.command("upgrade");
    expect(exitCode).toBe(1);
    expect(output).toContain("the workers of before go on");
    expect(await child.exited()).toBe(7);
    await program.start({}, install(program));
    expect(await program.sortedWorkers()).toEqual(workers);
    expect((await load.stop()).failures).toEqual([]);
  }, 20_000);
});

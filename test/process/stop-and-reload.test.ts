import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import {
  baseConfig,
  type Changes,
  listener,
  pool,
  startInstance,
  type TestFolder,
  type TestInstance,
  testFolder,
} from "./support/instance.ts";
import { closeClients, connect } from "./support/client.ts";

const folders: TestFolder[] = [];
const instances: TestInstance[] = [];

function begin(changes: Changes = {}): TestInstance {
  const folder = testFolder(changes);
  folders.push(folder);
  const instance = startInstance(folder);
  instances.push(instance);
  return instance;
}

afterEach(async () => {
  closeClients();
  for (const instance of instances.splice(0)) {
    instance.kill("SIGTERM");
    await instance.exited;
  }
  for (const folder of folders.splice(0)) folder.remove();
});

async function address(instance: TestInstance): Promise<{ host: string; port: number }> {
  await instance.running;
  return (await instance.view()).listeners[0]!.addresses[0]!;
}

function settings(changes: Partial<Changes["process"] & object>): Changes {
  return { process: { ...baseConfig("/nonexistent").process, ...changes } };
}

function expectNothingLeft(instance: TestInstance): void {
  expect(readdirSync(instance.folder)).toEqual(["config.json"]);
  expect(existsSync(instance.memoryPath)).toBe(false);
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

describe("stop", () => {
  test("SIGTERM lets a held connection finish, then ends with 0 and leaves nothing behind", async () => {
    const instance = begin(settings({ drainMs: 60_000 }));
    const where = await address(instance);
    const { workers } = await instance.view();
    const held = await connect(where);
    await held.ask();
    instance.kill("SIGTERM");
    await instance.said("draining");
    // Refused: neither the supervisor nor a worker listens any more.
    await untilRefused(where);
    expect((await held.ask()).revision).toBe(1);
    held.close();
    expect(await instance.exited).toBe(0);
    for (const { pid } of workers) expect(isAlive(pid)).toBe(false);
    expectNothingLeft(instance);
  });

  test("the drain ends at process.drain, also with a client that never leaves", async () => {
    const instance = begin(settings({ drainMs: 300 }));
    const held = await connect(await address(instance));
    held.send("hold");
    instance.kill("SIGTERM");
    expect(await instance.exited).toBe(0);
    expect(instance.output()).toContain("ends what still runs after 300 ms of draining");
    await held.closed;
  });

  test("a worker that ignores its drain is killed", async () => {
    const instance = begin(settings({ drainMs: 100, workers: 1 }));
    const { workers } = (await instance.running, await instance.view());
    process.kill(workers[0]!.pid, "SIGSTOP");
    instance.kill("SIGTERM");
    expect(await instance.exited).toBe(1);
    expect(instance.output()).toMatch(/worker 0 \(pid \d+\) did not end in time/);
    expectNothingLeft(instance);
  });

  test("Ctrl-C that npm passes twice is one; a second one later than a second forces the end", async () => {
    const instance = begin(settings({ drainMs: 60_000 }));
    const held = await connect(await address(instance));
    await held.ask();
    instance.kill("SIGINT");
    instance.kill("SIGINT");
    await instance.said("draining");
    expect((await held.ask()).revision).toBe(1);
    // The rule itself is about time passing: this is no wait for something to happen.
    await Bun.sleep(1_100);
    expect(instance.output()).not.toContain("cut off");
    instance.kill("SIGINT");
    expect(await instance.exited).toBe(1);
    expect(instance.output()).toContain("SIGINT again");
    expectNothingLeft(instance);
  });

  test("SIGINT during the start stops it, whenever it comes, and leaves nothing behind", async () => {
    // Each start is interrupted at another point: after the first sign of life of the supervisor, and some ms later.
    for (const delayMs of [0, 5, 10, 20, 40]) {
      const instance = begin();
      await untilLocked(instance);
      await Bun.sleep(delayMs);
      instance.kill("SIGINT");
      expect(await instance.exited).toBe(0);
      expectNothingLeft(instance);
    }
  });

  test("workers ignore the terminal's signals while they have a supervisor", async () => {
    const instance = begin(settings({ workers: 1 }));
    const where = await address(instance);
    const { pid } = await (await connect(where)).ask();
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.kill(pid, signal);
    expect((await (await connect(where)).ask()).pid).toBe(pid);
    expect((await instance.view()).workers[0]!.restarts).toBe(0);
  });
});

describe("SIGHUP", () => {
  test("another weight and another pool are in use in every worker, on the same connections", async () => {
    const instance = begin();
    const client = await connect(await address(instance));
    expect((await client.ask()).revision).toBe(1);
    instance.rewrite({
      pools: [pool("app", ["127.0.0.1", "127.0.0.2"]), pool("more", ["127.0.0.3"])],
    });
    instance.kill("SIGHUP");
    expect(await instance.said("is in use")).toContain("revision 2");
    const answer = await client.ask();
    expect(answer).toMatchObject({ revision: 2, states: "[[0,0],[1,0],[2,0]]" });
    const view = await instance.view();
    expect(view.revision).toBe(2);
    expect(view.pools.map(({ endpoints }) => endpoints.map(({ row }) => row))).toEqual([[0, 1], [2]]);
  });

  test("another bound of connections holds from the reload on", async () => {
    const instance = begin(settings({ connections: 100 }));
    const client = await connect(await address(instance));
    expect((await client.ask()).connectionsMax).toBe(100);
    instance.rewrite(settings({ connections: 41 }));
    instance.kill("SIGHUP");
    await instance.said("revision 2");
    expect((await client.ask()).connectionsMax).toBe(41);
  });

  test("a new address for a listener is in use in running workers, the one before is refused", async () => {
    const instance = begin();
    const before = await address(instance);
    const client = await connect(before);
    const { pid } = await client.ask();
    instance.rewrite({ listeners: [listener("api", "127.0.0.2", 0)] });
    instance.kill("SIGHUP");
    await instance.said("revision 2");
    expect((await (await connect(await address(instance))).ask()).revision).toBe(2);
    await untilRefused(before);
    // What was accepted before goes on.
    expect(await client.ask()).toMatchObject({ pid, revision: 2 });
  });

  test("another number of workers is refused by name, and nothing changes", async () => {
    const instance = begin();
    const client = await connect(await address(instance));
    instance.rewrite({ ...settings({ workers: 3 }), pools: [pool("app", ["127.0.0.9"])] });
    instance.kill("SIGHUP");
    expect(await instance.said("process.workers")).toContain("takes an upgrade");
    await instance.said("is not used; nothing has changed");
    expect((await client.ask()).revision).toBe(1);
  });

  test("a file that cannot be parsed changes nothing", async () => {
    const instance = begin();
    const client = await connect(await address(instance));
    instance.rewrite("{");
    instance.kill("SIGHUP");
    await instance.said("bad file");
    await instance.said("is not used; nothing has changed");
    expect((await client.ask()).revision).toBe(1);
  });

  test("one worker's refusal refuses it for all", async () => {
    const instance = begin();
    const client = await connect(await address(instance));
    instance.rewrite({
      pools: [pool("app", ["127.0.0.1"]), pool("WST_TEST_REFUSE", ["127.0.0.2"])],
    });
    instance.kill("SIGHUP");
    expect(await instance.said("told to refuse")).toContain("worker 0");
    await instance.said("is not used; nothing has changed");
    expect((await client.ask()).revision).toBe(1);
    // And the next good one gets through.
    instance.rewrite({ pools: [pool("app", ["127.0.0.5"])] });
    instance.kill("SIGHUP");
    await instance.said("revision");
    expect((await client.ask()).revision).toBe(2);
  });

  test("a worker that is replaced afterwards starts with the new revision", async () => {
    const instance = begin(settings({ workers: 1 }));
    const where = await address(instance);
    const client = await connect(where);
    instance.rewrite({ ...settings({ workers: 1 }), pools: [pool("app", ["127.0.0.2"])] });
    instance.kill("SIGHUP");
    await instance.said("revision 2");
    process.kill((await client.ask()).pid, "SIGKILL");
    await client.closed;
    expect((await (await connect(where)).ask()).revision).toBe(2);
  });
});

/** Until the supervisor has taken its lock: the earliest moment at which it has something to clean up. */
async function untilLocked(instance: TestInstance): Promise<void> {
  while (!existsSync(`${instance.folder}/admin.sock.lock`)) await Bun.sleep(1);
}

async function untilRefused(where: { host: string; port: number }): Promise<void> {
  for (;;) {
    try {
      (await connect(where)).close();
    } catch {
      return;
    }
  }
}

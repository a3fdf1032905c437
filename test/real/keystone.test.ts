import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Child } from "../support/child.ts";
import { needs } from "../support/needs.ts";
import { eventually } from "../support/within.ts";
import {
  instancePorts,
  keystoneCommands,
  keystoneUrl,
  startKeystone,
  type Delimiting,
  type Keystone,
} from "./keystone.ts";

const repository = join(import.meta.dir, "..", "..");
const real = needs({ commands: keystoneCommands, root: true });
const setUpMs = 90_000;
const testMs = 60_000;

const loadClients = 3;
const requestsEach = 40;

describe.skipIf(real.missing)(real.name("two Keystone instances behind the balancer"), () => {
  let keystone: Keystone;
  let running: Child[] = [];

  beforeAll(async () => {
    keystone = await startKeystone();
  }, setUpMs);
  afterEach(async () => {
    for (const child of running) await child.stop();
    running = [];
  }, testMs);
  // Undefined where setting up failed; it has cleaned up after itself then.
  afterAll(async () => await (keystone as Keystone | undefined)?.stop(), testMs);

  async function startAll(delimiting: Delimiting): Promise<{ first: Child; second: Child }> {
    const instances = await Promise.all(instancePorts.map((port) => keystone.startInstance(port, delimiting)));
    running = instances;
    // After them: it would find them DOWN first, and wait for checks that succeed.
    running = [await startBalancer(keystone), ...instances];
    const [first, second] = instances;
    if (first === undefined || second === undefined) throw new Error("two instances are wanted");
    return { first, second };
  }

  const variants: [name: string, delimiting: Delimiting][] = [
    ["answers with Content-Length", "length"],
    ["answers that end with the connection, as Debian sets it", "close"],
  ];
  for (const [name, delimiting] of variants) {
    test(
      `${name}: the openstack command works, and nothing idempotent fails when an instance is killed`,
      async () => {
        const { first, second } = await startAll(delimiting);
        expect(/\ncontent-length:/i.test(await answerHead(keystone, `http://127.0.0.1:${instancePorts[0]}/v3`))).toBe(
          delimiting === "length",
        );

        const issued = (await keystone.openstack("token", "issue")) as { id: string };
        await keystone.openstack("project", "create", `before-${delimiting}`);
        const project = `after-${delimiting}`;
        await linksCarryTheBalancersAddress(keystone);

        const load = Array.from({ length: loadClients }, () => startLoad(keystone, issued.id));
        await Promise.all(
          load.map((one) =>
            one.until("a quarter of the load is done", () => answers(one).length >= requestsEach / 4, testMs),
          ),
        );
        const handled = requestsOf(first);
        expect(handled).toBeGreaterThan(0);
        expect(requestsOf(second)).toBeGreaterThan(0);
        first.signal("SIGKILL");
        await first.exited();
        const statuses = await Promise.all(load.map((one) => one.exited(testMs)));
        expect(statuses).toEqual(load.map(() => 0));
        const all = load.flatMap(answers);
        expect(all).toHaveLength(loadClients * requestsEach);
        expect(all.filter((answer) => !answer.startsWith("200 "))).toEqual([]);
        // Every answer is the same token's. A body that ends with the connection may be cut where the instance dies, and
        // nobody between it and the client can know.
        if (delimiting === "length") expect(new Set(all).size).toBe(1);

        await keystone.openstack("project", "create", project);
        const names = ((await keystone.openstack("project", "list")) as { Name: string }[]).map((entry) => entry.Name);
        expect(names.filter((entry) => entry === project)).toEqual([project]);
        expect(names).toContain(`before-${delimiting}`);
      },
      testMs,
    );
  }
});

/** The real program in front of both, inside the namespace, on Keystone's own port. */
async function startBalancer(keystone: Keystone): Promise<Child> {
  const file = join(keystone.dir, "weichensteller.yaml");
  const socket = join(keystone.dir, "admin.sock");
  const endpoints = instancePorts.map((port) => `127.0.0.1:${port}`);
  writeFileSync(
    file,
    `version: 1
listeners:
  keystone: { bind: "127.0.0.1:5000", pool: keystone }
pools:
  keystone:
    balance: round-robin
    endpoints: ${JSON.stringify(endpoints)}
    health: { http: { path: /healthcheck } }
admin: { bind: "127.0.0.1:0", socket: ${JSON.stringify(socket)} }
process: { workers: 1, data: ${JSON.stringify(join(keystone.dir, "data"))}, drain: 2s }
`,
  );
  const balancer = keystone.start([join(repository, "bin/weichensteller"), "run", "-c", file], {
    XDG_RUNTIME_DIR: keystone.dir,
  });
  const ask = async (): Promise<true | undefined> => {
    if (balancer.exitCode !== undefined)
      throw new Error(`the balancer ended with ${balancer.exitCode}:\n${balancer.output}`);
    const answer = await fetch("http://admin/readyz", { unix: socket }).catch(() => undefined);
    return answer?.status === 200 ? true : undefined;
  };
  await eventually("the balancer is ready", ask, { timeoutMs: 20_000, everyMs: 50 });
  return balancer;
}

/** Keystone builds its links out of what it was asked by: Host must reach it unchanged. */
async function linksCarryTheBalancersAddress(keystone: Keystone): Promise<void> {
  const discovery = JSON.parse(await keystone.run(["curl", "-sS", keystoneUrl])) as {
    version: { links: { rel: string; href: string }[] };
  };
  expect(discovery.version.links).toEqual([{ rel: "self", href: `${keystoneUrl}/` }]);
  const named = await keystone.run(["curl", "-sS", "-H", "Host: identity.example.org:5000", keystoneUrl]);
  expect(named).toContain('"http://identity.example.org:5000/v3/"');
}

/**
 * Validates the token again and again, each time over a new connection: curl tries a kept connection that died a second
 * time by itself, and would hide what is looked for. The results go to standard error, which is not held back.
 */
function startLoad(keystone: Keystone, token: string): Child {
  const headers = ["-H", "Connection: close", "-H", `X-Auth-Token: ${token}`, "-H", `X-Subject-Token: ${token}`];
  const report = ["-s", "-o", "/dev/null", "-w", "%{stderr}%{http_code} %{size_download}\\n"];
  return keystone.start(["curl", ...report, ...headers, `${keystoneUrl}/auth/tokens?turn=[1-${requestsEach}]`]);
}

function answers(load: Child): string[] {
  return load.stderr.split("\n").slice(0, -1);
}

/** Token validations in an instance's own request log. */
function requestsOf(instance: Child): number {
  return instance.output.split("GET /v3/auth/tokens").length - 1;
}

async function answerHead(keystone: Keystone, url: string): Promise<string> {
  return await keystone.run(["curl", "-sS", "-D", "-", "-o", "/dev/null", url]);
}

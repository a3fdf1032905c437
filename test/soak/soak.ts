import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StatusView } from "../../src/model/status.ts";
import { here } from "../faults/network.ts";
import { Origin } from "../faults/origins.ts";
import { type Balancer, startBalancer } from "../support/balancer.ts";
import { Child } from "../support/child.ts";
import { scratchFolder } from "../support/scratch.ts";
import type { ProcessHistory, Resting } from "./judge.ts";
import { type Point, sampleProcess } from "./proc.ts";

export interface SoakResult {
  readonly processes: readonly ProcessHistory[];
  /** What the clients did, by kind. */
  readonly counts: Readonly<Record<string, number>>;
  readonly reloads: number;
  readonly flaps: number;
  /** What the counters say that they should not, once everything is idle. */
  readonly misses: readonly string[];
}

const sampleEveryMs = 2000;
const reloadEveryMs = 3000;
/** Longer than every time-out of the configuration below. */
const settleMs = 20_000;
const restMs = 4000;

interface Process {
  readonly name: string;
  readonly pid: number;
}

/** One soak: its endpoints, its clients and its instance. */
export class Soak {
  readonly #scratch = scratchFolder("soak");
  #origins: readonly Origin[] = [];
  #balancer: Balancer | undefined;
  #clients: Child | undefined;
  #isOver = false;
  #reloads = 0;
  #flaps = 0;
  #closing: Promise<void> | undefined;

  async run(minutes: number, say: (line: string) => void): Promise<SoakResult> {
    this.#origins = await Promise.all([0, 1, 2].map((index) => this.#startOrigin(`b${index + 1}`)));
    const balancer = await startBalancer(this.#config(0), { workers: 2 });
    this.#balancer = balancer;
    const processes = await this.#processes(balancer);
    await this.#warmUp(balancer);
    const atStart = await this.#rest(balancer, processes);
    const { host, port } = balancer.address("api");
    this.#clients = new Child([process.execPath, join(import.meta.dir, "churn.ts"), host, String(port)]);
    const flapping = this.#flap();
    const reloading = this.#reload(balancer);
    const histories = await Promise.race([this.#sample(processes, minutes, say), failureOf([flapping, reloading])]);
    this.#isOver = true;
    await Promise.all([flapping, reloading]);
    this.#clients.signal("SIGUSR2");
    await this.#clients.exited(30_000);
    const misses = await this.#settle(balancer, processes);
    const atEnd = await this.#rest(balancer, processes);
    return {
      processes: processes.map((one, index) => ({
        name: one.name,
        rss: histories[index] ?? [],
        atStart: atStart[index]!, // one for each process
        atEnd: atEnd[index]!,
      })),
      counts: JSON.parse(this.#clients.stdout) as Record<string, number>,
      reloads: this.#reloads,
      flaps: this.#flaps,
      misses,
    };
  }

  /** What the instance wrote. */
  output(): string {
    return this.#balancer?.output() ?? "";
  }

  /** Ends everything; may be called twice. */
  close(): Promise<void> {
    this.#isOver = true;
    return (this.#closing ??= (async () => {
      await this.#clients?.stop();
      await this.#balancer?.stop();
      for (const one of this.#origins) await one.kill();
      this.#scratch.remove();
    })());
  }

  async #startOrigin(name: string): Promise<Origin> {
    // The port must be the same after a restart, so it is chosen here; nobody else is likely to get it in between.
    const probe = Bun.listen({ hostname: here.ip, port: 0, socket: { data: () => {} } });
    const { port } = probe;
    probe.stop(true);
    const origin = new Origin(name, here, { folder: this.#scratch.path, port });
    await origin.start();
    return origin;
  }

  /** Two shapes in turn: a reload changes time-outs and weights, and takes an endpoint away or brings it back. */
  #config(turn: number): string {
    const isOdd = turn % 2 === 1;
    const endpoints = this.#origins
      .slice(0, isOdd ? 2 : 3)
      .map((one) => `      - { address: ${one.address}, name: ${one.name}, weight: ${isOdd ? 2 : 1} }`);
    return `# Revision ${turn}
listeners:
  api:
    bind: 127.0.0.1:0
    pool: app
    timeouts: { head: 3s, idle: ${isOdd ? 4 : 5}s, body: 5s, write: 5s }
pools:
  app:
    endpoints:
${endpoints.join("\n")}
    health: { http: { path: /healthcheck }, interval: 500ms }
    retry: { attemptTimeout: 1s }
    timeouts: { connect: 300ms, response: 8s, idle: ${isOdd ? 2 : 3}s }
`;
  }

  async #processes(balancer: Balancer): Promise<readonly Process[]> {
    const { pid, workers } = await balancer.status();
    return [{ name: "supervisor", pid }, ...workers.map((one) => ({ name: `worker ${one.index}`, pid: one.pid }))];
  }

  /** What is made at the first use (resolver, pools of buffers) belongs to the start. */
  async #warmUp(balancer: Balancer): Promise<void> {
    const { host, port } = balancer.address("api");
    for (let round = 0; round < 20; round++) {
      const some = Array.from({ length: 20 }, () =>
        fetch(`http://${host}:${port}/w${round}`, { keepalive: false }).then((answer) => answer.arrayBuffer()),
      );
      await Promise.all(some);
    }
    await this.#settled(balancer);
  }

  /** Every process while nothing happens, over some seconds. */
  async #rest(balancer: Balancer, processes: readonly Process[]): Promise<readonly Resting[]> {
    const before = processes.map(({ pid }) => sampleProcess(pid));
    await Bun.sleep(restMs);
    const after = processes.map(({ pid }) => sampleProcess(pid));
    const { workers } = await balancer.status();
    return processes.map(({ pid }, index) => {
      const [first, last] = [before[index]!, after[index]!]; // one for each process
      const worker = workers.find((one) => one.pid === pid);
      return {
        rssMiB: last.rssMiB,
        // A check may hold one in that moment.
        descriptors: Math.min(first.descriptors, last.descriptors),
        wakeUpsPerSecond: ((last.wakeUps - first.wakeUps) * 1000) / restMs,
        ...(worker === undefined ? {} : { deadlines: worker.counters.deadlinesNow }),
      };
    });
  }

  async #sample(
    processes: readonly Process[],
    minutes: number,
    say: (line: string) => void,
  ): Promise<readonly (readonly Point[])[]> {
    const histories: Point[][] = processes.map(() => []);
    const startedMs = performance.now();
    for (;;) {
      const passed = (performance.now() - startedMs) / 60_000;
      if (passed >= minutes || this.#isOver) return histories;
      const now = processes.map(({ pid }) => sampleProcess(pid));
      for (const [index, { rssMiB }] of now.entries()) histories[index]?.push({ minutes: passed, value: rssMiB });
      const text = processes.map(
        ({ name }, index) => `${name} ${now[index]?.rssMiB.toFixed(1)} MiB ${now[index]?.descriptors} fd`,
      );
      say(`${passed.toFixed(2)} min  ${text.join("  ")}  ${this.#reloads} reloads, ${this.#flaps} faults`);
      await Bun.sleep(sampleEveryMs);
    }
  }

  /** One endpoint after the other has something. */
  async #flap(): Promise<void> {
    while (!this.#isOver) {
      const victim = this.#origins[this.#flaps % this.#origins.length]!; // the index is in range
      switch (this.#flaps++ % 5) {
        case 0:
          await victim.kill();
          await Bun.sleep(1500);
          break;
        case 1:
          victim.freeze();
          await Bun.sleep(2000);
          break;
        case 2:
          await victim.behave({ answer: "reset" });
          await Bun.sleep(1000);
          break;
        case 3:
          await victim.behave({ check: "fails" });
          await Bun.sleep(2500);
          break;
        default:
          await victim.behave({ serviceMs: 200 });
          await Bun.sleep(1000);
      }
      await victim.cure();
      await Bun.sleep(1000);
    }
  }

  async #reload(balancer: Balancer): Promise<void> {
    while (!this.#isOver) {
      await Bun.sleep(reloadEveryMs);
      const { revision } = await balancer.status();
      this.#rewrite(balancer, ++this.#reloads);
      process.kill(balancer.pid, "SIGHUP");
      await balancer.untilStatus("the reload is in force", (view) => view.revision > revision, 10_000);
    }
    // The end has the shape of the start.
    if (this.#reloads % 2 === 1) {
      this.#rewrite(balancer, ++this.#reloads);
      process.kill(balancer.pid, "SIGHUP");
    }
  }

  #rewrite(balancer: Balancer, turn: number): void {
    const { socket, folder } = { socket: balancer.adminSocket, folder: join(balancer.adminSocket, "..") };
    const rest = `version: 1
admin: { bind: 127.0.0.1:0, socket: ${socket} }
process: { workers: 2, data: ${folder}, drain: 1s }
log: { level: info, format: text }
`;
    writeFileSync(balancer.file, this.#config(turn) + rest);
  }

  /** Waits until every time-out has passed; what is then still held was forgotten. */
  async #settle(balancer: Balancer, processes: readonly Process[]): Promise<readonly string[]> {
    const misses: string[] = [];
    const view = await this.#settled(balancer);
    for (const left of leftOvers(view)) misses.push(`left behind: ${left}`);
    const pids = new Set([view.pid, ...view.workers.map((one) => one.pid)]);
    for (const one of processes) if (!pids.has(one.pid)) misses.push(`${one.name} was replaced`);
    return misses;
  }

  async #settled(balancer: Balancer): Promise<StatusView> {
    const end = performance.now() + settleMs;
    for (;;) {
      const view = await balancer.status();
      if (leftOvers(view).length === 0 || performance.now() > end) return view;
      await Bun.sleep(200);
    }
  }
}

/** Rejects when one of them does; never settles otherwise. */
async function failureOf(work: readonly Promise<void>[]): Promise<never> {
  await Promise.all(work);
  return new Promise(() => {});
}

/** Gauges that are not 0. */
function leftOvers(view: StatusView): readonly string[] {
  const left: string[] = [];
  const look = (where: string, counters: object): void => {
    for (const [name, value] of Object.entries(counters) as [string, number][])
      if (name.endsWith("Now") && value !== 0) left.push(`${where} ${name} ${value}`);
  };
  for (const one of view.workers) look(`worker ${one.index}`, one.counters);
  for (const one of view.listeners) look(`listener ${one.name}`, one.counters);
  for (const pool of view.pools) for (const one of pool.endpoints) look(`endpoint ${one.name}`, one.counters);
  return left;
}

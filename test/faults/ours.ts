import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StatusView } from "../../src/model/status.ts";
import { Balancer } from "../support/balancer.ts";
import { Child } from "../support/child.ts";
import { eventually } from "../support/within.ts";
import { inPlace, processesIn } from "./network.ts";
import { fillIn, listenPort, type Subject, type SubjectPlan } from "./subject.ts";

const program = join(import.meta.dir, "..", "..", "bin", "weichensteller");

/** Commands of this version, as `--help` lists them. */
export function knownCommands(): ReadonlySet<string> {
  const help = Bun.spawnSync([program, "--help"]).stdout.toString();
  return new Set([...help.matchAll(/^ {2}([a-z]+)[| ]/gm)].map((match) => match[1] ?? ""));
}

/** Whether a piece of configuration is accepted by `check`. */
export function acceptsConfig(text: string, folder: string): boolean {
  const file = join(folder, "asked.yaml");
  writeFileSync(file, text);
  return Bun.spawnSync([program, "check", "-c", file]).exitCode === 0;
}

/** Our instance in the balancer's namespace, and what can be done to its processes. */
export class Ours {
  readonly file: string;
  readonly #plan: SubjectPlan;
  readonly #socket: string;
  #balancer: Balancer;
  #outputBefore = "";
  #reloads = 0;

  private constructor(plan: SubjectPlan, file: string, socket: string) {
    this.#plan = plan;
    this.file = file;
    this.#socket = socket;
    this.#balancer = this.#spawn();
  }

  static async start(plan: SubjectPlan): Promise<Ours> {
    mkdirSync(join(plan.folder, "data"), { recursive: true });
    const socket = join(plan.folder, "admin.sock");
    const file = join(plan.folder, "weichensteller.yaml");
    const text = fillIn("weichensteller.yaml", {
      socket,
      folder: join(plan.folder, "data"),
      bind: `${plan.network.balancer.ip}:${listenPort}`,
      retry: plan.name === "ours-default" ? "" : "    retry: { attemptTimeout: 1s }",
      endpoints: plan.origins.map((one) => `      - { address: ${one.address}, name: ${one.name} }`).join("\n"),
    });
    writeFileSync(file, text);
    const ours = new Ours(plan, file, socket);
    try {
      await ours.#balancer.untilReady(10_000);
    } catch (error) {
      await ours.stop();
      throw error;
    }
    return ours;
  }

  #spawn(): Balancer {
    const child = new Child(inPlace(this.#plan.network.balancer, [program, "run", "-c", this.file]));
    return new Balancer(child, this.#socket, this.file, () => {});
  }

  get pid(): number {
    return this.#balancer.pid;
  }

  status(): Promise<StatusView> {
    return this.#balancer.status();
  }

  output(): string {
    return this.#outputBefore + this.#balancer.output();
  }

  untilStatus(what: string, isMet: (view: StatusView) => boolean): Promise<StatusView> {
    return eventually(what, async () => {
      const view = await this.status().catch(() => undefined);
      return view !== undefined && isMet(view) ? view : undefined;
    });
  }

  /** A changed file each time, so that a reload is one. */
  async reload(): Promise<void> {
    const before = (await this.status()).revision;
    this.#reloads++;
    const text = readFileSync(this.file, "utf8").replace(/^# Changed .*\n/, "");
    const idle = `idle: ${60 + (this.#reloads % 2)}s`;
    writeFileSync(
      this.file,
      `# Changed ${this.#reloads}\n${text.replace(/connect: 300ms.*?\}/, `connect: 300ms, ${idle} }`)}`,
    );
    process.kill(this.pid, "SIGHUP");
    await this.untilStatus("the reload is in force", (view) => view.revision > before);
  }

  /** Kills one worker; the number of connections it held, as far as the counters knew a moment before. */
  async killWorker(index: number): Promise<number> {
    const { workers } = await this.status();
    const victim = workers[index];
    if (victim === undefined || victim.pid === 0) throw new Error(`worker ${index} does not run`);
    process.kill(victim.pid, "SIGKILL");
    await this.untilStatus(`worker ${index} was replaced`, (view) => {
      const now = view.workers[index];
      return now !== undefined && now.state === "ready" && now.pid !== victim.pid;
    });
    return victim.counters.connectionsNow;
  }

  async killSupervisor(): Promise<void> {
    process.kill(this.pid, "SIGKILL");
    await this.#balancer.child.exited();
    this.#outputBefore += this.#balancer.output();
  }

  /** Starts another supervisor on the same file, and waits until it is in charge. */
  async startSupervisor(): Promise<void> {
    this.#balancer = this.#spawn();
    await this.#balancer.untilReady(10_000);
  }

  /** A command of the CLI; throws with what it said where it fails. */
  async command(...words: readonly string[]): Promise<string> {
    const child = new Child(inPlace(this.#plan.network.balancer, [program, ...words, "--admin", this.#socket]));
    const code = await child.exited(20_000);
    if (code !== 0) throw new Error(`weichensteller ${words.join(" ")} ended with ${code}: ${child.output.trim()}`);
    return child.stdout;
  }

  async upgrade(): Promise<void> {
    const before = new Set((await this.status()).workers.map((one) => one.pid));
    await this.command("upgrade");
    await this.untilStatus(
      "the new workers are in charge",
      (view) => view.state === "running" && view.workers.every((one) => one.state === "ready" && !before.has(one.pid)),
    );
  }

  async stop(): Promise<void> {
    await this.#balancer.child.stop(3000);
    // Workers that a killed supervisor left alone and nobody adopted.
    for (const pid of await processesIn(this.#plan.network.balancer.namespace)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    }
  }
}

export async function startOurs(plan: SubjectPlan): Promise<Subject> {
  const ours = await Ours.start(plan);
  await ours.untilStatus("every endpoint passed a check", (view) =>
    view.pools.every((pool) => pool.endpoints.every((one) => one.lastCheck?.isOk === true)),
  );
  return {
    name: plan.name,
    ours,
    output: () => ours.output(),
    reload: () => ours.reload(),
    drain: async (endpoint) => void (await ours.command("drain", `app/${endpoint}`)),
    ready: async (endpoint) => void (await ours.command("ready", `app/${endpoint}`)),
    stop: () => ours.stop(),
  };
}

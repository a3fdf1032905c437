import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StatusView } from "../../../src/model/status.ts";
import { Child } from "../../support/child.ts";
import type { Address } from "../../support/raw-client.ts";
import { scratchFolder } from "../../support/scratch.ts";
import { eventually } from "../../support/within.ts";

const launcher = join(import.meta.dir, "..", "..", "..", "bin", "weichensteller");

/** An instance whose supervisor may die and come again; everything it left is ended by `end`. */
export class Program {
  readonly file: string;
  readonly adminSocket: string;
  readonly #folder: ReturnType<typeof scratchFolder>;
  readonly #children: Child[] = [];
  readonly #pids = new Set<number>();

  constructor() {
    this.#folder = scratchFolder("lifecycle");
    this.file = join(this.#folder.path, "weichensteller.yaml");
    this.adminSocket = join(this.#folder.path, "admin.sock");
  }

  get folder(): string {
    return this.#folder.path;
  }

  /** Writes the configuration file; `process`: keys of that section, `workers: 2` where nothing is said. */
  write(sections: { listeners: string; pools: string; process?: string }): void {
    writeFileSync(this.file, this.text(sections));
  }

  text({ listeners, pools, process = "workers: 2" }: { listeners: string; pools: string; process?: string }): string {
    return [
      "version: 1",
      `admin: { bind: off, socket: ${this.adminSocket} }`,
      `process: { data: ${this.folder}, ${/drain:/.test(process) ? "" : "drain: 5s, "}${process} }`,
      "log: { level: info, format: text }",
      `listeners:\n${listeners}`,
      `pools:\n${pools}`,
      "",
    ].join("\n");
  }

  /** Starts a supervisor and waits until it runs. */
  async start(env: Readonly<Record<string, string>> = {}, command: string = launcher): Promise<Child> {
    const child = new Child([command, "run", "-c", this.file], { env: { XDG_RUNTIME_DIR: this.folder, ...env } });
    this.#children.push(child);
    await eventually("the instance runs", async () => {
      if (child.exitCode !== undefined) throw new Error(`it ended with ${child.exitCode}:\n${child.output}`);
      const view = existsSync(this.adminSocket) ? await this.status().catch(() => undefined) : undefined;
      return view?.state === "running" && view.pid === child.pid ? view : undefined;
    });
    return child;
  }

  async status(): Promise<StatusView> {
    const view = (await (await fetch("http://admin/api/v1/status", { unix: this.adminSocket })).json()) as StatusView;
    for (const { pid } of view.workers) if (pid !== 0) this.#pids.add(pid);
    return view;
  }

  async post(path: string): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
    const answer = await fetch(`http://admin${path}`, { unix: this.adminSocket, method: "POST" });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  /** Runs a command of the program to its end. */
  async command(...args: string[]): Promise<{ readonly exitCode: number; readonly output: string }> {
    const child = new Child([launcher, ...args, "--admin", this.adminSocket]);
    this.#children.push(child);
    const exitCode = await eventually("the command ends", () => Promise.resolve(child.exitCode), { timeoutMs: 20_000 });
    return { exitCode, output: child.output };
  }

  async address(listener: string): Promise<Address> {
    const found = (await this.status()).listeners.find(({ name }) => name === listener)?.addresses[0];
    if (found === undefined) throw new Error(`no listener ${listener}`);
    return found;
  }

  async workers(): Promise<readonly number[]> {
    return (await this.status()).workers.map(({ pid }) => pid);
  }

  /** To compare with those of another time, whatever their places. */
  async sortedWorkers(): Promise<readonly number[]> {
    return (await this.workers()).toSorted((one, other) => one - other);
  }

  async end(): Promise<void> {
    for (const child of this.#children) await child.stop();
    for (const pid of this.#pids) if (isWorker(pid)) process.kill(pid, "SIGKILL");
    this.#folder.remove();
  }
}

/** Whether this process is (still) a worker. */
export function isWorker(pid: number): boolean {
  try {
    return /^Name:\twst-worker$[^]*^State:\t[^ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

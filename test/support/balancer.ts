import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EndpointView, ListenerView, StatusView } from "../../src/model/status.ts";
import { Child } from "./child.ts";
import type { Address } from "./raw-client.ts";
import { scratchFolder } from "./scratch.ts";
import { eventually } from "./within.ts";

const repository = join(import.meta.dir, "..", "..");

export interface BalancerOptions {
  /** Default 1, so that what one worker keeps (connections to endpoints) can be asserted. */
  readonly workers?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** How long it may take until every worker is ready. */
  readonly readyWithinMs?: number;
  /** Longest drain when it is stopped. Default 1s. */
  readonly drain?: string;
}

/**
 * Starts the real program on this configuration and waits until it serves.
 *
 * @param yaml `listeners` and `pools`; `version`, `admin`, `process` and `log` are added where they are not given, so
 *   that nothing of it touches a fixed port or path
 */
export async function startBalancer(yaml: string, options: BalancerOptions = {}): Promise<Balancer> {
  const scratch = scratchFolder("balancer");
  const adminSocket = join(scratch.path, "admin.sock");
  const file = join(scratch.path, "weichensteller.yaml");
  const has = (section: string): boolean => new RegExp(`^${section}:`, "m").test(yaml);
  const parts = [yaml];
  if (!has("version")) parts.unshift("version: 1");
  if (!has("admin")) parts.push(`admin: { bind: 127.0.0.1:0, socket: ${adminSocket} }`);
  if (!has("process")) {
    parts.push(`process: { workers: ${options.workers ?? 1}, data: ${scratch.path}, drain: ${options.drain ?? "1s"} }`);
  }
  if (!has("log")) parts.push("log: { level: info, format: text }");
  writeFileSync(file, `${parts.join("\n")}\n`);
  const child = new Child([join(repository, "bin", "weichensteller"), "run", "-c", file], {
    env: { XDG_RUNTIME_DIR: scratch.path, ...options.env },
  });
  const balancer = new Balancer(child, adminSocket, file, () => scratch.remove());
  try {
    await balancer.untilReady(options.readyWithinMs ?? 10_000);
  } catch (error) {
    await child.stop();
    scratch.remove();
    throw error;
  }
  return balancer;
}

export class Balancer {
  readonly adminSocket: string;
  /** The configuration file. */
  readonly file: string;
  readonly child: Child;
  readonly #cleanUp: () => void;
  #addresses = new Map<string, Address>();

  constructor(child: Child, adminSocket: string, file: string, cleanUp: () => void) {
    this.child = child;
    this.adminSocket = adminSocket;
    this.file = file;
    this.#cleanUp = cleanUp;
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Everything it wrote. */
  output(): string {
    return this.child.output;
  }

  /** Where a listener really listens (its first address). */
  address(listener: string): Address {
    const address = this.#addresses.get(listener);
    if (address === undefined)
      throw new Error(`no listener "${listener}"; there are: ${[...this.#addresses.keys()].join(", ")}`);
    return address;
  }

  async status(): Promise<StatusView> {
    const response = await fetch("http://admin/api/v1/status", { unix: this.adminSocket });
    if (response.status !== 200) throw new Error(`status answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as StatusView;
  }

  /** Waits until the status is as wished, and gives it. */
  untilStatus(what: string, isMet: (view: StatusView) => boolean, timeoutMs?: number): Promise<StatusView> {
    let last: StatusView | undefined;
    const askOnce = async (): Promise<StatusView | undefined> => {
      last = await this.status();
      return isMet(last) ? last : undefined;
    };
    return eventually(what, askOnce, timeoutMs === undefined ? {} : { timeoutMs }).catch((error: Error) => {
      throw new Error(
        `${error.message}; last status: ${JSON.stringify(last?.pools)} ${JSON.stringify(last?.listeners)}`,
      );
    });
  }

  async untilReady(timeoutMs: number): Promise<void> {
    const isReady = (view: StatusView): boolean =>
      view.state === "running" && view.workers.length > 0 && view.workers.every((one) => one.state === "ready");
    const ready = await eventually(
      "the balancer is ready",
      async () => {
        if (this.child.exitCode !== undefined) {
          throw new Error(`the balancer ended with ${this.child.exitCode}:\n${this.output()}`);
        }
        if (!existsSync(this.adminSocket)) return undefined;
        const view = await this.status().catch(() => undefined);
        return view !== undefined && isReady(view) ? view : undefined;
      },
      { timeoutMs, everyMs: 20 },
    ).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.output()}`);
    });
    for (const listener of ready.listeners) {
      const first = listener.addresses[0];
      if (first !== undefined) this.#addresses.set(listener.name, { host: first.host, port: first.port });
    }
  }

  async listener(name: string): Promise<ListenerView> {
    const found = (await this.status()).listeners.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no listener "${name}"`);
    return found;
  }

  async endpoints(pool: string): Promise<readonly EndpointView[]> {
    const found = (await this.status()).pools.find((one) => one.name === pool);
    if (found === undefined) throw new Error(`no pool "${pool}"`);
    return found.endpoints;
  }

  /** Process ids of the workers. */
  async workers(): Promise<readonly number[]> {
    return (await this.status()).workers.map((one) => one.pid);
  }

  /** Waits until no exchange and no attempt runs: whatever was asked of it has left nothing behind. */
  untilIdle(timeoutMs?: number): Promise<StatusView> {
    const isIdle = (view: StatusView): boolean =>
      view.listeners.every((one) => one.counters.exchangesNow === 0) &&
      view.pools.every((pool) => pool.endpoints.every((one) => one.counters.attemptsNow === 0));
    return this.untilStatus("no exchange and no attempt is left", isIdle, timeoutMs);
  }

  /** Ends it with SIGTERM; its exit code. */
  async stop(): Promise<number> {
    const code = await this.child.stop();
    this.#cleanUp();
    return code;
  }
}

/** Resident memory of a process, in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await Bun.file(`/proc/${pid}/status`).text();
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  if (found === null) throw new Error(`no VmRSS of process ${pid}`);
  return Number(found[1]) * 1024;
}

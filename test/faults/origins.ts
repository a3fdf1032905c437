import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { LineReader } from "./line-reader.ts";
import { inPlace, type Network, type Place } from "./network.ts";
import { healthyMode, type OriginMode } from "./origin-mode.ts";

const originPort = 8000;

/** One endpoint: a process in its namespace, and the log that outlives it. */
export class Origin {
  readonly name: string;
  readonly place: Place;
  readonly logFile: string;
  #process: Subprocess<"pipe", "pipe", "inherit"> | undefined;
  #lines: LineReader | undefined;
  #isFrozen = false;

  readonly port: number;

  constructor(name: string, place: Place, options: { readonly folder: string; readonly port?: number }) {
    const { folder, port } = options;
    this.name = name;
    this.place = place;
    this.port = port ?? originPort;
    this.logFile = join(folder, `${name}.log`);
  }

  get address(): string {
    return `${this.place.ip}:${this.port}`;
  }

  async start(): Promise<void> {
    const program = join(import.meta.dir, "origin.ts");
    const command = inPlace(this.place, [process.execPath, program, this.place.ip, String(this.port), this.logFile]);
    this.#process = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    this.#lines = new LineReader(this.#process.stdout);
    await this.#lines.next(`${this.name} is ready`);
  }

  /** Settles when the endpoint behaves so. */
  async behave(change: Partial<OriginMode>): Promise<void> {
    if (this.#process === undefined || this.#lines === undefined) throw new Error(`${this.name} does not run`);
    void this.#process.stdin.write(`${JSON.stringify({ ...healthyMode, ...change })}\n`);
    void this.#process.stdin.flush();
    await this.#lines.next(`${this.name} took its mode`);
  }

  async kill(): Promise<void> {
    this.#isFrozen = false;
    this.#process?.kill("SIGKILL");
    await this.#process?.exited;
    this.#process = undefined;
  }

  freeze(): void {
    this.#process?.kill("SIGSTOP");
    this.#isFrozen = true;
  }

  thaw(): void {
    if (this.#isFrozen) this.#process?.kill("SIGCONT");
    this.#isFrozen = false;
  }

  /** Well again, whatever was done to it. */
  async cure(): Promise<void> {
    this.thaw();
    if (this.#process === undefined) await this.start();
    else await this.behave({});
  }

  /** Requests it executed: `METHOD id`, in order. */
  executed(): readonly string[] {
    return existsSync(this.logFile) ? readFileSync(this.logFile, "latin1").split("\n").slice(0, -1) : [];
  }
}

/** Starts one endpoint in each place of the network. */
export async function startOrigins(network: Network, folder: string): Promise<readonly Origin[]> {
  const origins = network.endpoints.map((place, index) => new Origin(`b${index + 1}`, place, { folder }));
  await Promise.all(origins.map((one) => one.start()));
  return origins;
}

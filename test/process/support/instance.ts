import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fnv1a64 } from "../../../src/lib/fnv.ts";
import type { Config } from "../../../src/model/config.ts";
import type { StatusView } from "../../../src/model/status.ts";
import { linesOf } from "./lines.ts";
import { reachableProgram } from "./reachable.ts";

export type Changes = Partial<Pick<Config, "listeners" | "pools" | "process" | "admin">>;

const runMain = join(import.meta.dir, "run-main.ts");

/** A running supervisor of a test, with its own folder. */
export interface TestInstance {
  readonly pid: number;
  readonly folder: string;
  readonly memoryPath: string;
  readonly exited: Promise<number | null>;
  /** The next line of standard error that contains `text`, past ones included. */
  said(text: string): Promise<string>;
  /** Everything on standard error so far. */
  output(): string;
  /** Settles when every worker was ready for the first time. */
  readonly running: Promise<void>;
  view(): Promise<StatusView>;
  /** Writes the configuration again; `changes` are laid over the first one. */
  rewrite(changes: Changes | string): void;
  kill(signal: NodeJS.Signals): void;
}

export interface TestFolder {
  readonly path: string;
  readonly file: string;
  /** Where the instance keeps its shared counters. */
  readonly memoryPath: string;
  remove(): void;
}

export function testFolder(changes: Changes = {}): TestFolder {
  const path = mkdtempSync(join(tmpdir(), "wst-"));
  const file = join(path, "config.json");
  writeFileSync(file, JSON.stringify({ ...baseConfig(path), ...changes }));
  const memoryPath = `/dev/shm/weichensteller-${process.getuid?.()}-${fnv1a64(join(path, "admin.sock"))}`;
  return {
    path,
    file,
    memoryPath,
    remove() {
      rmSync(path, { recursive: true, force: true });
      // Left by a supervisor that a test killed.
      rmSync(memoryPath, { force: true });
    },
  };
}

/** Two workers, one listener on any port of the loopback address, one pool. */
export function baseConfig(folder: string): Config {
  return {
    listeners: [listener("api", "127.0.0.1", 0)],
    pools: [pool("app", ["127.0.0.1"])],
    admin: { socket: join(folder, "admin.sock") },
    process: { workers: 2, connections: 100, data: folder, drainMs: 500 },
    log: { level: "info", format: "text" },
  };
}

export function listener(name: string, host: string, port: number): Config["listeners"][number] {
  return {
    name,
    bind: [{ host, port }],
    protocol: "http",
    pool: "app",
    trust: [],
    limits: { connections: 100, headBytes: 32_768, headers: 100, targetBytes: 8_192 },
    timeouts: { headMs: 10_000, idleMs: 60_000, bodyMs: 60_000, minRate: 1_024, writeMs: 60_000 },
    forward: { xForwarded: true, forwarded: false, requestId: true, traceContext: true },
    underscores: "drop",
    halfClose: false,
    routes: [],
  };
}

export function pool(name: string, hosts: readonly string[]): Config["pools"][number] {
  return {
    name,
    balance: { kind: "round-robin" },
    slowStartMs: 0,
    endpoints: hosts.map((host) => ({ name: host, host, port: 9, weight: 1, backup: false })),
    retry: {
      attempts: 3,
      attemptTimeoutMs: 0,
      on: ["connect"],
      budget: { share: 0.2, minPerSecond: 10, burst: 100 },
      bodyBytes: 65_536,
    },
    timeouts: { connectMs: 1_000, responseMs: 60_000, idleMs: 60_000, totalMs: 0 },
    reuse: true,
  };
}

export interface SpawnChanges {
  readonly worker?: string;
  readonly uid?: number;
  readonly gid?: number;
}

export function startInstance(folder: TestFolder, { worker, ...ids }: SpawnChanges = {}): TestInstance {
  const program = ids.uid === undefined ? undefined : reachableProgram();
  const at = (path: string): string => program?.at(path) ?? path;
  const command = [program?.bun ?? process.execPath, at(runMain), folder.file];
  if (worker !== undefined) command.push(at(worker));
  const child = Bun.spawn(command, {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    onExit: () => program?.remove(),
    ...ids,
  });
  const errors = new LineLog(child.stderr);
  const outputs = new LineLog(child.stdout);
  let views = 0;
  const running = outputs.find((line) => line === "running").then(() => undefined);
  // A test that wants the start to fail does not look at it.
  running.catch(() => undefined);
  return {
    pid: child.pid,
    folder: folder.path,
    memoryPath: folder.memoryPath,
    exited: child.exited.then(() => child.exitCode),
    said: (text) => errors.find((line) => line.includes(text)),
    output: () => errors.lines.join("\n"),
    running,
    async view() {
      const number = ++views;
      void child.stdin.write("view\n");
      void child.stdin.flush();
      await outputs.find(() => outputs.lines.filter((line) => line.startsWith("{")).length >= number);
      return JSON.parse(outputs.lines.filter((line) => line.startsWith("{"))[number - 1]!) as StatusView;
    },
    rewrite(changes) {
      const text = typeof changes === "string" ? changes : JSON.stringify({ ...baseConfig(folder.path), ...changes });
      writeFileSync(folder.file, text);
    },
    kill: (signal) => child.kill(signal),
  };
}

/** Lines as they come, and those who wait for one. */
class LineLog {
  readonly lines: string[] = [];
  readonly #waiting = new Set<() => void>();
  #isEnded = false;

  constructor(stream: ReadableStream<Uint8Array>) {
    void this.#read(stream);
  }

  async find(isWanted: (line: string) => boolean): Promise<string> {
    for (;;) {
      const found = this.lines.find(isWanted);
      if (found !== undefined) return found;
      if (this.#isEnded)
        throw new Error(`the process ended without the wanted line; it said:\n${this.lines.join("\n")}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const line of linesOf(stream)) {
      this.lines.push(line);
      this.#wake();
    }
    this.#isEnded = true;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

import type { Subprocess } from "bun";
import { Waiters, within } from "./within.ts";

/** A process that a test started: its output is kept, its end is awaited, and it is ended by its id. */
export class Child {
  readonly #process: Subprocess<"ignore", "pipe", "pipe">;
  readonly #waiters = new Waiters();
  stdout = "";
  stderr = "";
  /** Undefined while it runs; 128 where a signal ended it. */
  exitCode: number | undefined;

  constructor(
    command: readonly string[],
    options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
  ) {
    this.#process = Bun.spawn([...command], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
      onExit: (_child, code) => {
        this.exitCode = code ?? 128;
        this.#waiters.changed();
      },
    });
    void this.#read(this.#process.stdout, (text) => (this.stdout += text));
    void this.#read(this.#process.stderr, (text) => (this.stderr += text));
  }

  async #read(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      add(decoder.decode(chunk, { stream: true }));
      this.#waiters.changed();
    }
  }

  get pid(): number {
    return this.#process.pid;
  }

  get output(): string {
    return this.stdout + this.stderr;
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Waits until the process ended, and gives its exit code (128 + signal number where a signal ended it). */
  exited(timeoutMs = 10_000): Promise<number> {
    return within(`the end of process ${this.pid}`, this.#process.exited, timeoutMs);
  }

  until(what: string, isMet: () => boolean, timeoutMs?: number): Promise<void> {
    const isOver = (): boolean => isMet() || this.exitCode !== undefined;
    return this.#waiters.until(what, isOver, timeoutMs).then(
      () => {
        if (!isMet())
          throw new Error(`process ${this.pid} ended with ${this.exitCode} before ${what}:\n${this.output}`);
      },
      (error: Error) => {
        throw new Error(`${error.message}:\n${this.output}`);
      },
    );
  }

  /** SIGTERM; SIGKILL where that is not enough within the time. */
  async stop(timeoutMs = 5000): Promise<number> {
    if (this.exitCode !== undefined) return this.exitCode;
    this.signal("SIGTERM");
    try {
      return await this.exited(timeoutMs);
    } catch {
      this.signal("SIGKILL");
      return await this.exited(timeoutMs);
    }
  }
}

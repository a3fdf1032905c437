import type { Cancel, ProcessEnd } from "./ports.ts";

export interface HeldOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Each line of the child's standard output. */
  onLine(line: string): void;
  onExit(end: ProcessEnd): void;
}

export interface HeldProcess {
  readonly pid: number;
  /** SIGKILL; `onExit` still comes. */
  kill: Cancel;
}

/**
 * A child whose standard input is a pipe that only we hold: when this process ends, however it ends, the kernel closes
 * the pipe, and a child that reads its standard input sees the end and leaves. Its standard error is ours.
 */
export function spawnHeld({ command, env, onLine, onExit }: HeldOptions): HeldProcess {
  const child = Bun.spawn([...command], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
    env: { ...env },
    onExit: (_child, exitCode, signal) => {
      onExit(signal === null ? (exitCode === null ? {} : { exitCode }) : { signal: String(signal) });
    },
  });
  void eachLine(child.stdout, onLine);
  return { pid: child.pid, kill: () => child.kill("SIGKILL") };
}

async function eachLine(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
}

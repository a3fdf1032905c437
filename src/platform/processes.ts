import { ptr } from "bun:ffi";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { adoptProcess } from "./adopted-process.ts";
import { libc } from "./libc.ts";
import type { Child, ProcessEnd, Processes, SpawnOptions } from "./ports.ts";
import { replaceThis, takeHandover } from "./replace-process.ts";
import { become, userIds } from "./users.ts";

const prSetName = 15;
/** TASK_COMM_LEN without the final NUL. */
const nameBytesMax = 15;

export const processes: Processes = {
  pid: process.pid,
  // Absent only on Windows.
  uid: process.geteuid?.() ?? -1,
  cores: availableParallelism(),
  spawn,
  adopt: adoptProcess,
  runToEnd,
  replaceThis,
  takeHandover,
  isAlive(pid) {
    try {
      process.kill(pid, 0);
      return true;
    } catch (error) {
      // EPERM: it is there and belongs to someone else.
      return error instanceof Error && "code" in error && error.code === "EPERM";
    }
  },
  commandLine,
  nameThis(name) {
    const bytes = new Uint8Array(nameBytesMax + 1);
    bytes.set(new TextEncoder().encode(name).subarray(0, nameBytesMax));
    libc().prctl(prSetName, ptr(bytes), 0, 0, 0);
  },
  userIds,
  become,
  on(signal, run) {
    // Without the wrapper Node's signature would hand the signal's name and number over.
    const listener = () => run();
    process.on(signal, listener);
    return () => process.off(signal, listener);
  },
  exit: (code) => process.exit(code),
};

/** Arguments as in /proc/PID/cmdline; the short name in brackets for a kernel thread. */
export function commandLine(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    return text === "" ? `[${shortName(pid)}]` : text;
  } catch {
    return undefined;
  }
}

/** As `nameThis` sets it. */
export function shortName(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return undefined;
  }
}

function spawn(options: SpawnOptions): Child {
  const child = Bun.spawn([...options.command], {
    // Standard output carries access log lines; what a worker has to say before its link is up goes to standard error.
    stdio: ["ignore", 1, 2, ...options.descriptors],
    env: { ...options.env },
    onExit: (_child, exitCode, signal) => options.onExit(processEnd(exitCode, signal)),
  });
  return { pid: child.pid, kill: (signal) => child.kill(signal) };
}

async function runToEnd(
  command: readonly string[],
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<{ exitCode: number | undefined; output: string }> {
  try {
    const child = Bun.spawn([...command], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    const output = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    await child.exited;
    return { exitCode: child.exitCode ?? undefined, output: output.join("").trim() };
  } catch (error) {
    return { exitCode: undefined, output: error instanceof Error ? error.message : String(error) };
  }
}

function processEnd(exitCode: number | null, signal: number | string | null): ProcessEnd {
  if (signal !== null) return { signal: String(signal) };
  return exitCode === null ? {} : { exitCode };
}

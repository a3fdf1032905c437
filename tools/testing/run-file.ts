/** One test file in a process of its own: a crash, a hang or a leaked timer of one file touches no other. */
import { spawn } from "node:child_process";
import { type FileVerdict, judge, noTotals } from "./totals.ts";

export interface FileRun {
  readonly path: string;
  readonly verdict: FileVerdict;
  /** What the file's run printed, stdout and stderr as they came. */
  readonly output: string;
  readonly stderr: string;
  readonly tookMs: number;
}

/** Longest time a single test may take unless it says otherwise itself. */
const testTimeoutMs = 30_000;
/** Between asking a group of processes to end and forcing it. */
const graceMs = 2_000;

/** Process groups of the running files, so that an interrupt can end them all. */
const groups = new Set<number>();

/**
 * Runs one file, at most `limitMs`, then ends whatever is left of its process group. The totals of a file that had to
 * be ended are unknown, so it counts as one failure.
 */
export function runFile(root: string, path: string, limitMs: number): Promise<FileRun> {
  const started = performance.now();
  const { promise, resolve } = Promise.withResolvers<FileRun>();
  const child = spawn(process.execPath, ["test", "--timeout", String(testTimeoutMs), `./${path}`], {
    cwd: root,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" },
  });
  const group = child.pid;
  let output = "";
  let stderr = "";
  let isLate = false;
  if (group !== undefined) groups.add(group);
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    stderr += text;
  });
  const limit = setTimeout(() => {
    isLate = true;
    if (group !== undefined) signalGroup(group, "SIGKILL");
  }, limitMs);
  let code: number | undefined;
  const finish = (): void => {
    clearTimeout(limit);
    child.stdout.destroy();
    child.stderr.destroy();
    const seconds = Math.round(limitMs / 1000);
    const verdict: FileVerdict = isLate
      ? { ...noTotals, failed: 1, problem: `it was ended after ${seconds} s` }
      : judge(stderr, code);
    resolve({ path, verdict, output, stderr, tookMs: performance.now() - started });
  };
  child.on("error", (error) => {
    stderr += String(error);
    finish();
  });
  child.on("exit", (exitCode) => {
    code = exitCode ?? undefined;
    if (group !== undefined) {
      groups.delete(group);
      signalGroup(group, "SIGKILL");
    }
    // A process that left the group may hold the pipes open; its output is not waited for.
    setTimeout(finish, graceMs).unref();
  });
  child.on("close", finish);
  return promise;
}

/** Ends every running file: asks first, forces after two seconds. */
export async function endAll(): Promise<void> {
  for (const group of groups) signalGroup(group, "SIGTERM");
  const deadline = performance.now() + graceMs;
  while (groups.size > 0 && performance.now() < deadline) await Bun.sleep(20);
  for (const group of groups) signalGroup(group, "SIGKILL");
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

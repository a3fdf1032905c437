import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { descendants, isAlive, type ProcessId } from "./process-tree.ts";

/** A program that the bench started: it ends by its id, and its children by theirs. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<number>;
  /** What it wrote so far. */
  output(): string;
}

export interface ChildOptions {
  readonly name: string;
  readonly command: readonly string[];
  /** The core it may run on, children included. */
  readonly core: number;
  /** Receives its output; a file, so that nobody has to read along while a measurement runs. */
  readonly dir: string;
  readonly env?: Readonly<Record<string, string>>;
}

const stopGraceMs = 5_000;
const running = new Map<number, Child>();

/** Starts a program on one core. Throws where the program is not there. */
export function startChild(options: ChildOptions): Child {
  mkdirSync(options.dir, { recursive: true });
  const file = join(options.dir, `${options.name}.log`);
  const log = openSync(file, "w");
  // taskset replaces itself by the program, so this id is the program's.
  const process_ = Bun.spawn(["taskset", "-c", String(options.core), ...options.command], {
    stdin: "ignore",
    stdout: log,
    stderr: log,
    env: { ...process.env, ...options.env },
  });
  closeSync(log);
  const child: Child = {
    name: options.name,
    pid: process_.pid,
    exited: process_.exited,
    output: () => readFileSync(file, "utf8"),
  };
  running.set(child.pid, child);
  void process_.exited.then(() => running.delete(child.pid));
  return child;
}

/** Asks a program to end, waits, and kills what is left of its tree. */
export async function stopChild(child: Child): Promise<void> {
  if (!running.has(child.pid)) return;
  const tree = descendants(child.pid);
  signal(child.pid, "SIGTERM");
  const gone = await Promise.race([child.exited.then(() => true), Bun.sleep(stopGraceMs).then(() => false)]);
  if (!gone) signal(child.pid, "SIGKILL");
  await child.exited;
  for (const member of tree) killIfSame(member);
}

/** Ends everything that still runs, last started first. */
export async function stopAll(): Promise<void> {
  const children = [...running.values()].reverse();
  await Promise.all(children.map(stopChild));
}

/** Runs a program to its end; rejects where its status is not 0. */
export async function runToEnd(options: ChildOptions): Promise<string> {
  const child = startChild(options);
  const status = await child.exited;
  if (status !== 0) throw new Error(`${options.name} ended with status ${status}: ${child.output().trim()}`);
  return child.output();
}

function killIfSame(member: ProcessId): void {
  if (isAlive(member)) signal(member.pid, "SIGKILL");
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // ESRCH: it ended in the meantime, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

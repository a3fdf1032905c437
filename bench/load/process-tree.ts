import { readdirSync, readFileSync } from "node:fs";

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly startTicks: number;
}

interface ProcessStat extends ProcessId {
  readonly parent: number;
  /** User and system time of the process and of those children that ended and were waited for. */
  readonly cpuTicks: number;
}

const ticksPerSecond = Number(Bun.spawnSync(["getconf", "CLK_TCK"]).stdout.toString());
const pageBytes = Number(Bun.spawnSync(["getconf", "PAGESIZE"]).stdout.toString());

/**
 * CPU microseconds that a process and everything below it have used. A child that ends moves its time to its parent
 * (cutime), so a difference of two readings is right also where workers come and go. The kernel counts in 10 ms here:
 * over a window of 2 s at full load that is 0.5 %.
 */
export function treeCpuUs(root: number): number {
  let ticks = 0;
  for (const member of tree(root)) ticks += member.cpuTicks;
  return (ticks * 1e6) / ticksPerSecond;
}

/** Resident bytes of each process of a tree, the root first. Pages that two of them share count in both. */
export function treeRssBytes(root: number): { readonly pid: number; readonly name: string; readonly bytes: number }[] {
  return tree(root).map(({ pid }) => ({
    pid,
    name: readFileSync(`/proc/${pid}/comm`, "utf8").trim(),
    bytes: Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * pageBytes,
  }));
}

/** Everything below a process, without itself. */
export function descendants(root: number): ProcessId[] {
  return tree(root).slice(1);
}

export function isAlive(id: ProcessId): boolean {
  return readStat(id.pid)?.startTicks === id.startTicks;
}

/** How long a core was busy since boot, in microseconds: with the core full, a second opinion on CPU per request. */
export function coreBusyUs(core: number): number {
  const line = readFileSync("/proc/stat", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`cpu${core} `));
  if (line === undefined) throw new Error(`/proc/stat has no core ${core}`);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line.split(/\s+/).slice(1).map(Number);
  return ((user + nice + system + irq + softirq) * 1e6) / ticksPerSecond;
}

function tree(root: number): ProcessStat[] {
  const all = readdirSync("/proc").flatMap((entry) => (/^\d+$/.test(entry) ? (readStat(Number(entry)) ?? []) : []));
  const first = all.find((entry) => entry.pid === root);
  if (first === undefined) throw new Error(`process ${root} is not running`);
  const members = [first];
  // `members` grows while it is walked: breadth first.
  for (const member of members) members.push(...all.filter((entry) => entry.parent === member.pid));
  return members;
}

/** proc(5): the name in parentheses may hold spaces, so fields count from the last parenthesis. */
function readStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined; // it ended between readdir and here
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    pid,
    parent: field(4),
    cpuTicks: field(14) + field(15) + field(16) + field(17),
    startTicks: field(22),
  };
}

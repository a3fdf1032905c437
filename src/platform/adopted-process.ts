import { readFileSync } from "node:fs";
import { libc } from "./libc.ts";
import type { Child, ProcessEnd } from "./ports.ts";

/** How soon the end of a process is noticed that is nobody's child here. */
const lookEveryMs = 25;
const noHang = 1;

/** As `Processes.adopt`. */
export function adoptProcess(
  pid: number,
  { name, onExit }: { readonly name: string; onExit(end: ProcessEnd): void },
): Child | undefined {
  const known = identity(pid);
  if (known === undefined || known.name !== name) return undefined;
  const isThere = () => identity(pid)?.startedTicks === known.startedTicks;
  const timer = setInterval(() => {
    // A child from before an `execve` of ours stays a zombie until we ask; for any other process this does nothing.
    libc().waitpid(pid, null, noHang);
    if (isThere()) return;
    clearInterval(timer);
    onExit({});
  }, lookEveryMs);
  return {
    pid,
    kill(signal) {
      if (isThere()) process.kill(pid, signal);
    },
  };
}

/** Who has this process id: an id is given away again, a start time with it is not. Absent: nobody, or a zombie. */
function identity(pid: number): { readonly name: string; readonly startedTicks: string } | undefined {
  try {
    // proc_pid_stat(5): pid (name) state …; the name may hold spaces and parentheses. Start time is field 22.
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const end = text.lastIndexOf(")");
    const fields = text.slice(end + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    return { name: text.slice(text.indexOf("(") + 1, end), startedTicks: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}

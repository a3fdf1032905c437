import { workerProcessName } from "../engine/worker/worker.ts";
import type { PortHolder } from "../platform/ports.ts";

/** Who holds a port, behind "in use by": `nginx: master process (pid 12, user root)`. */
export function holderText({ pid, name, command, user, uid }: PortHolder): string {
  const who = user ?? `uid ${uid}`;
  if (pid === undefined) return `a process of ${who} (only root and ${who} can see which)`;
  // With a supervisor, that one is found first: its number is lower, and it holds the sockets too.
  if (name === workerProcessName)
    return `a worker that outlived its supervisor; end it with: kill ${pid} (user ${who})`;
  return `${command ?? "a process"} (pid ${pid}, user ${who})`;
}

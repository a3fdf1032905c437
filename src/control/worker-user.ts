import type { Log } from "../observe/log.ts";
import type { Platform, UserIds } from "../platform/ports.ts";

/** Who workers become; absent: they stay who the supervisor is. */
export function workerUser({ processes }: Platform, log: Log, user: string | undefined): UserIds | undefined {
  if (processes.uid !== 0) return undefined;
  const ids = user === undefined ? undefined : processes.userIds(user);
  if (ids === undefined) {
    const why = user === undefined ? "process.user is not set" : `there is no user ${user} (process.user)`;
    log("warn", "workers-as-root", `running workers as root: ${why}`);
  }
  return ids;
}

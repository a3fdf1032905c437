import { ExitCode } from "../model/app-error.ts";
import { fetchStatus, requestStop } from "./admin-client.ts";
import type { AdminTarget } from "./admin-target.ts";
import type { CliIo } from "./io.ts";

/** How often the end is looked for; a person does not notice it. */
const lookEveryMs = 50;

/**
 * `weichensteller stop`: asks for a drain and, unless told otherwise, returns when the process is gone. The instance
 * bounds its drain itself (`process.drain`), so the wait needs no bound of its own.
 */
export async function runStop(
  target: AdminTarget,
  options: { readonly isWaiting: boolean },
  io: CliIo,
): Promise<ExitCode> {
  const view = await fetchStatus(target);
  await requestStop(target);
  const running = view.listeners.reduce((sum, { counters }) => sum + counters.exchangesNow, 0);
  io.out(`weichensteller (pid ${view.pid}) drains; ${running === 1 ? "1 request runs" : `${running} requests run`}`);
  if (!options.isWaiting) return ExitCode.Ok;
  while (io.isAlive(view.pid)) await io.pause(lookEveryMs);
  io.out("stopped");
  return ExitCode.Ok;
}

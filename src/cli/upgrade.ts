import { AppError, ExitCode } from "../model/app-error.ts";
import type { StatusView } from "../model/status.ts";
import { fetchStatus, requestUpgrade } from "./admin-client.ts";
import type { AdminTarget } from "./admin-target.ts";
import type { CliIo } from "./io.ts";

const lookEveryMs = 50;
/** New workers that take longer have trouble to start; those of before go on meanwhile. */
const waitMs = 30_000;

/** `weichensteller upgrade`: returns when the new program's workers serve. */
export async function runUpgrade(target: AdminTarget, io: CliIo): Promise<ExitCode> {
  const before = await fetchStatus(target);
  await requestUpgrade(target);
  for (let waitedMs = 0; waitedMs < waitMs; waitedMs += lookEveryMs) {
    await io.pause(lookEveryMs);
    if (!io.isAlive(before.pid)) {
      const text = `the new program (pid ${before.pid}) ended; the workers of before go on, and the next start takes them over`;
      throw new AppError("upgrade-failed", text);
    }
    const view = await statusIfThere(target);
    if (view === undefined || view.startedAt === before.startedAt || view.state !== "running") continue;
    const versions = view.version === before.version ? view.version : `${before.version} → ${view.version}`;
    io.out(`weichensteller (pid ${view.pid}) is upgraded (${versions}); ${view.workers.length} new workers serve`);
    return ExitCode.Ok;
  }
  throw new AppError("upgrade-failed", "the new workers do not serve yet; those of before go on. See the log");
}

/** While one program follows the other nobody answers. */
async function statusIfThere(target: AdminTarget): Promise<StatusView | undefined> {
  try {
    return await fetchStatus(target);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

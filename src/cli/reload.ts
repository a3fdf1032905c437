import { ExitCode } from "../model/app-error.ts";
import { requestReload } from "./admin-client.ts";
import type { AdminTarget } from "./admin-target.ts";
import type { CliIo } from "./io.ts";

/** `weichensteller reload`: what is wrong comes as an AppError with every issue in its message. */
export async function runReload(target: AdminTarget, io: CliIo): Promise<ExitCode> {
  const { revision } = await requestReload(target);
  io.out(`the configuration is in use as revision ${revision}`);
  return ExitCode.Ok;
}

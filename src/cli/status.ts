import { ExitCode } from "../model/app-error.ts";
import { fetchStatus } from "./admin-client.ts";
import type { AdminTarget } from "./admin-target.ts";
import { paintFor } from "./colour.ts";
import type { CliIo } from "./io.ts";
import { statusLines } from "./status-text.ts";

/** `weichensteller status`: exit 0 with the status of the running instance, whatever that status is. */
export async function runStatus(
  target: AdminTarget,
  options: { readonly isJson: boolean },
  io: CliIo,
): Promise<ExitCode> {
  const view = await fetchStatus(target);
  if (options.isJson) {
    io.out(JSON.stringify(view, undefined, 2));
    return ExitCode.Ok;
  }
  for (const line of statusLines(view, { width: io.columns(), paint: paintFor(io) })) io.out(line);
  return ExitCode.Ok;
}

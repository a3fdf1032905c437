import { join } from "node:path";
import type { CliIo } from "../cli/io.ts";
import { runQuickstart } from "../cli/quickstart/quickstart.ts";
import { spawnHeld } from "../platform/held-process.ts";
import { instanceFiles } from "../platform/instance-files.ts";
import { instancePaths } from "../platform/instance-paths.ts";
import { linux } from "../platform/linux.ts";
import { terminal } from "../platform/terminal.ts";
import { bunFlags, runInstance } from "./run-instance.ts";

/** The quickstart on the real machine. */
export function quickstart(
  options: { readonly port: number },
  { io, version }: { readonly io: CliIo; readonly version: string },
): Promise<number> {
  const { timers, clock, processes, listenSockets, errorOutput } = linux;
  return runQuickstart(options, {
    io,
    terminal,
    paths: instancePaths({ env: io.env, uid: io.uid }),
    files: instanceFiles,
    holder: (address) => listenSockets.holder(address),
    spawnService: ({ name, port, onLine, onExit }) =>
      spawnHeld({
        command: [process.execPath, ...bunFlags, join(import.meta.dir, "demo-service.ts"), name, String(port)],
        env: io.env,
        onLine,
        onExit,
      }),
    wallMs: clock.wallMs,
    after: timers.after,
    every: timers.every,
    onStopSignal(run) {
      const cancels = [processes.on("SIGINT", run), processes.on("SIGTERM", run)];
      return () => cancels.forEach((cancel) => cancel());
    },
    run: ({ file, log, onRunning }) =>
      runInstance({
        file,
        version,
        errorOutput: { isTerminal: errorOutput.isTerminal, writeLine: log },
        onRunning,
      }),
  });
}

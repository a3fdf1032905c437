import { join, resolve } from "node:path";
import { startAdmin } from "../control/admin.ts";
import { type InstalledProgram, run, type RunParts } from "../control/run.ts";
import { Prober } from "../engine/probe/prober.ts";
import type { StatusView } from "../model/status.ts";
import { linux } from "../platform/linux.ts";
import type { Output } from "../platform/ports.ts";
import { parseWithDefaults } from "./check-file.ts";

/** As in bin/weichensteller: nothing in the current folder decides what a child of ours runs. */
export const bunFlags: readonly string[] = ["--config=/dev/null", "--no-env-file"];

export interface InstanceOptions {
  readonly file: string;
  readonly version: string;
  /** The launcher, for an upgrade; absent: the instance cannot be upgraded while it runs. */
  readonly program?: string;
  /** Where log lines go; absent: standard error. */
  readonly errorOutput?: Output;
  /** Called once every worker accepts connections, with a function that says how the instance is. */
  readonly onRunning?: (view: () => StatusView) => void;
}

/** Runs an instance on the real machine until it ended; returns the exit code. */
export function runInstance(options: InstanceOptions): Promise<number> {
  const { file, version, onRunning } = options;
  const platform = options.errorOutput === undefined ? linux : { ...linux, errorOutput: options.errorOutput };
  let view: (() => StatusView) | undefined;
  const parts: RunParts = {
    platform,
    parseConfig: parseWithDefaults,
    createHealth: (onChange) =>
      new Prober({
        clock: platform.clock,
        timers: platform.timers,
        random: platform.random,
        onChange,
      }),
    startAdmin(admin) {
      view = admin.view;
      return startAdmin({ ...admin, holder: platform.listenSockets.holder });
    },
    onRunning() {
      if (view !== undefined) onRunning?.(view);
    },
  };
  return run(
    {
      file: resolve(file),
      version,
      ...(options.program === undefined ? {} : { program: installed(options.program, resolve(file)) }),
      workerCommand: [process.execPath, ...bunFlags, join(import.meta.dir, "worker.ts")],
    },
    parts,
  );
}

/** As the launcher is found when the time comes: another release may stand there then. */
function installed(program: string, file: string): InstalledProgram {
  return { check: [program, "check", "-c", file], run: [program, "run", "-c", file] };
}

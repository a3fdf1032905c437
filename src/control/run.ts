import { addressText } from "../lib/address.ts";
import type { Config } from "../model/config.ts";
import type { StatusView } from "../model/status.ts";
import { createLog, type Log } from "../observe/log.ts";
import type { Cancel, Platform } from "../platform/ports.ts";
import type { CreateHealthSource } from "./health-source.ts";
import { type StartAdmin, Supervisor } from "./supervisor.ts";

/** Exit codes of `run`. */
export const ExitCode = { Ok: 0, Failed: 1, BadConfiguration: 2 } as const;

export interface RunOptions {
  /** Absolute path of the configuration file. */
  readonly file: string;
  readonly version: string;
  readonly workerCommand: readonly string[];
}

export interface RunParts {
  readonly platform: Platform;
  readonly parseConfig: ParseConfig;
  readonly createHealth: CreateHealthSource;
  readonly startAdmin: StartAdmin;
  /** Called once every worker accepts connections. */
  readonly onRunning?: (view: StatusView) => void;
}

/** `core/config`'s parser, with its issues already as lines fit to be printed. `config` is absent where one is an error. */
export type ParseConfig = (
  text: string,
  options: { readonly file: string },
) => { readonly config: Config | undefined; readonly lines: readonly string[] };

/** Under npm one Ctrl-C arrives twice, a few milliseconds apart; whoever means it presses again later than this. */
const secondSignalMs = 1_000;

/**
 * Runs an instance until it is told to end, and returns the exit code: 0 after a drain (also one that was asked for
 * during the start), 1 where the start failed or the end was forced, 2 where the configuration is wrong.
 */
export async function run(options: RunOptions, parts: RunParts): Promise<number> {
  const { processes } = parts.platform;
  processes.nameThis("weichensteller");
  const loaded = load(options.file, parts);
  for (const line of loaded.lines) parts.platform.errorOutput.writeLine(line);
  if (loaded.config === undefined) return ExitCode.BadConfiguration;
  const instance = new RunningInstance(options, parts, loaded.config);
  return instance.run();
}

class RunningInstance {
  readonly #options: RunOptions;
  readonly #parts: RunParts;
  readonly #log: Log;
  readonly #supervisor: Supervisor;
  #config: Config;
  /** Monotonic time of the first signal that asked for the end. */
  #stopAskedMs: number | undefined;
  #ended: Promise<"clean" | "forced">;
  #onEnded!: (outcome: Promise<"clean" | "forced">) => void; // set by the executor of #ended

  constructor(options: RunOptions, parts: RunParts, config: Config) {
    this.#options = options;
    this.#parts = parts;
    this.#config = config;
    this.#ended = new Promise((resolve) => (this.#onEnded = resolve));
    const { platform, createHealth, startAdmin } = parts;
    this.#log = createLog(platform.errorOutput, platform.clock, () => this.#config.log);
    this.#supervisor = new Supervisor(
      {
        version: options.version,
        file: options.file,
        config,
        workerCommand: options.workerCommand,
      },
      { platform, log: this.#log, createHealth, startAdmin, stop: (reason) => this.#stop(reason) },
    );
  }

  async run(): Promise<number> {
    const cancels = this.#listenToSignals();
    try {
      const started = await this.#supervisor.start();
      if (started.kind === "failed") {
        this.#log("error", "start-failed", started.line);
        return ExitCode.Failed;
      }
      if (started.kind === "running") {
        const view = this.#supervisor.view();
        for (const line of startLines(view)) this.#log("info", "started", line);
        this.#parts.onRunning?.(view);
      }
      const outcome = await this.#ended;
      this.#log("info", "stopped", outcome === "clean" ? "stopped" : "stopped before everything was finished");
      return outcome === "clean" ? ExitCode.Ok : ExitCode.Failed;
    } finally {
      for (const cancel of cancels) cancel();
    }
  }

  #listenToSignals(): readonly Cancel[] {
    const { processes } = this.#parts.platform;
    return [
      processes.on("SIGTERM", () => this.#onStopSignal("SIGTERM")),
      processes.on("SIGINT", () => this.#onStopSignal("SIGINT")),
      processes.on("SIGHUP", () => void this.#reload()),
    ];
  }

  #onStopSignal(signal: string): void {
    const nowMs = this.#parts.platform.clock.monotonicMs();
    if (this.#stopAskedMs === undefined) return this.#stop(signal);
    if (nowMs - this.#stopAskedMs < secondSignalMs) return;
    this.#log("warn", "stop-forced", `${signal} again: everything that still runs is cut off`);
    this.#supervisor.force();
  }

  #stop(reason: string): void {
    if (this.#stopAskedMs !== undefined) return;
    this.#stopAskedMs = this.#parts.platform.clock.monotonicMs();
    this.#log("info", "draining", `${reason}: draining, for ${this.#config.process.drainMs / 1000} s at most`);
    this.#onEnded(this.#supervisor.stop());
  }

  async #reload(): Promise<void> {
    const { file } = this.#options;
    const loaded = load(file, this.#parts);
    for (const line of loaded.lines) this.#log(loaded.config === undefined ? "error" : "warn", "config-issue", line);
    if (loaded.config === undefined)
      return this.#log("error", "reload-refused", `${file} is not used; nothing has changed`);
    const result = await this.#supervisor.reload(loaded.config);
    if (result.kind === "refused") {
      for (const line of result.lines) this.#log("error", "reload-blocked", line);
      return this.#log("error", "reload-refused", `${file} is not used; nothing has changed`);
    }
    this.#config = loaded.config;
    this.#log("info", "reloaded", `${file} is in use as revision ${result.revision}`);
  }
}

function load(file: string, { platform, parseConfig }: RunParts): ReturnType<ParseConfig> {
  const text = platform.files.readText(file);
  if (!text.ok) return { config: undefined, lines: [`${file}: cannot be read: ${text.text}`] };
  return parseConfig(text.value, { file });
}

function startLines(view: StatusView): readonly string[] {
  const listeners = view.listeners.map(
    ({ name, addresses }) => `listener ${name} on ${addresses.map(addressText).join(", ")}`,
  );
  const tcp = view.admin.tcp === undefined ? "" : ` and ${addressText(view.admin.tcp)}`;
  return [
    ...listeners,
    `running with ${view.workers.length} workers (pid ${view.pid}), admin on ${view.admin.socket}${tcp}`,
  ];
}

import { addressText } from "../lib/address.ts";
import { needsStop } from "../core/config/delta.ts";
import type { Config } from "../model/config.ts";
import type { StatusView } from "../model/status.ts";
import { createLog, type Log } from "../observe/log.ts";
import type { Cancel, Platform } from "../platform/ports.ts";
import type { CreateHealthSource } from "./health-source.ts";
import type { ReloadResult, StartAdmin, UpgradeResult } from "./commands.ts";
import { FileWatch } from "./file-watch.ts";
import { parseHandover } from "./handover.ts";
import { Supervisor } from "./supervisor.ts";

/** Exit codes of `run`. */
export const ExitCode = { Ok: 0, Failed: 1, BadConfiguration: 2 } as const;

export interface RunOptions {
  /** Absolute path of the configuration file. */
  readonly file: string;
  readonly version: string;
  readonly workerCommand: readonly string[];
  /** The program as it is installed, for an upgrade; absent: this one cannot be replaced while it runs. */
  readonly program?: InstalledProgram;
}

export interface InstalledProgram {
  /** Ends with 0 where the program works and takes the configuration file. */
  readonly check: readonly string[];
  /** Runs the instance. */
  readonly run: readonly string[];
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
/** A program that takes longer to check its configuration is not fit to follow this one. */
const checkTimeoutMs = 15_000;

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
  readonly #watch: FileWatch;
  #isUpgrading = false;
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
    this.#watch = new FileWatch({ files: platform.files, timers: platform.timers }, options.file, () =>
      this.#onFileChanged(),
    );
    const handover = parseHandover(platform.processes.takeHandover());
    this.#supervisor = new Supervisor(
      {
        ...(handover === undefined ? {} : { handover }),
        version: options.version,
        file: options.file,
        config,
        workerCommand: options.workerCommand,
      },
      {
        platform,
        log: this.#log,
        createHealth,
        startAdmin,
        commands: {
          stop: (reason) => this.#stop(reason),
          reload: () => this.#reload(),
          upgrade: () => this.#upgrade(),
        },
      },
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
        this.#watch.set(this.#config.process.watch);
      }
      const outcome = await this.#ended;
      this.#log("info", "stopped", outcome === "clean" ? "stopped" : "stopped before everything was finished");
      return outcome === "clean" ? ExitCode.Ok : ExitCode.Failed;
    } finally {
      this.#watch.set(false);
      for (const cancel of cancels) cancel();
    }
  }

  #listenToSignals(): readonly Cancel[] {
    const { processes } = this.#parts.platform;
    return [
      processes.on("SIGTERM", () => this.#onStopSignal("SIGTERM")),
      processes.on("SIGINT", () => this.#onStopSignal("SIGINT")),
      processes.on("SIGHUP", () => void this.#reload()),
      processes.on("SIGUSR2", () => void this.#onUpgradeSignal()),
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

  #onFileChanged(): void {
    this.#log("info", "config-changed", `${this.#options.file} has changed`);
    void this.#reload();
  }

  async #reload(): Promise<ReloadResult> {
    const { file } = this.#options;
    const loaded = load(file, this.#parts);
    for (const line of loaded.lines) this.#log(loaded.config === undefined ? "error" : "warn", "config-issue", line);
    const result: ReloadResult =
      loaded.config === undefined
        ? { kind: "refused", lines: loaded.lines, isBadFile: true }
        : await this.#supervisor.reload(loaded.config);
    if (result.kind === "refused" || loaded.config === undefined) {
      if (loaded.config !== undefined && result.kind === "refused")
        for (const line of result.lines) this.#log("error", "reload-blocked", line);
      this.#log("error", "reload-refused", `${file} is not used; nothing has changed`);
      return result;
    }
    this.#config = loaded.config;
    this.#watch.set(loaded.config.process.watch);
    const tookMs = result.commitMs.toFixed(1);
    this.#log(
      "info",
      "reloaded",
      `${file} is in use as revision ${result.revision}, in all workers after ${tookMs} ms`,
    );
    return result;
  }

  async #onUpgradeSignal(): Promise<void> {
    const result = await this.#upgrade();
    if (result.kind === "possible") result.go();
  }

  /** Finds out whether the installed program could go on with this instance; until `go` nothing is changed. */
  async #upgrade(): Promise<UpgradeResult> {
    if (this.#isUpgrading) return { kind: "refused", lines: ["an upgrade is under way"] };
    this.#isUpgrading = true;
    const lines = await this.#upgradeObstacles().finally(() => (this.#isUpgrading = false));
    const { program } = this.#options;
    if (lines.length === 0 && program !== undefined) return { kind: "possible", go: () => void this.#become(program) };
    for (const line of lines) this.#log("error", "upgrade-blocked", line);
    this.#log("error", "upgrade-refused", "nothing has changed");
    return { kind: "refused", lines };
  }

  async #upgradeObstacles(): Promise<readonly string[]> {
    const { file, program } = this.#options;
    const { processes } = this.#parts.platform;
    if (program === undefined)
      return ["this instance was not started by weichensteller run; stop it and start it again"];
    const refused = this.#supervisor.cannotUpgrade();
    if (refused !== undefined) return [refused];
    // What only the new program understands is its own to judge.
    const { config } = load(file, this.#parts);
    const blockers = config === undefined ? [] : needsStop(this.#config, config);
    if (blockers.length > 0) return blockers;
    const { exitCode, output } = await processes.runToEnd(program.check, { timeoutMs: checkTimeoutMs });
    if (exitCode === 0) return [];
    const how = exitCode === undefined ? "did not end by itself" : `ended with ${exitCode}`;
    return [`${program.check.join(" ")} ${how}`, ...(output === "" ? [] : [output])];
  }

  async #become({ run: command }: InstalledProgram): Promise<void> {
    this.#log("info", "upgrading", `going on as ${command[0]}, under the same process id`);
    const why = await this.#supervisor.becomeProgram(command);
    this.#log("error", "upgrade-refused", `${why}; nothing has changed`);
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

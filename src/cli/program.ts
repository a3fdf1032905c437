import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { AppError, ExitCode } from "../model/app-error.ts";
import type { AdminConfig } from "../model/config.ts";
import { type OverrideChange, weightMax } from "../model/override.ts";
import { adminTarget, type TargetOptions } from "./admin-target.ts";
import type { CliIo } from "./io.ts";

/** What the commands start; main wires it and loads each only when it is used. */
export interface CliPorts {
  readonly version: string;
  readonly io: CliIo;
  /** Runs an instance until it ended. */
  run(file: string): Promise<number>;
  check(options: { readonly file: string; readonly isJson: boolean }): Promise<number>;
  quickstart(options: { readonly port: number }): Promise<number>;
  /** The `admin` section of a configuration; throws AppError where the file is unusable. */
  readAdmin(file: string): Promise<AdminConfig>;
}

export const defaultQuickstartPort = 8080;

/** Runs one command line (without interpreter and script); what it returns is the exit code. Errors become one line. */
export async function runCli(args: readonly string[], ports: CliPorts): Promise<number> {
  let exitCode: number = ExitCode.Ok;
  const program = buildProgram(ports, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    // Help and version end with 0; everything else that commander refuses is a wrong command line.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.Ok : ExitCode.Usage;
    if (!(error instanceof AppError)) throw error;
    ports.io.err(`weichensteller: ${error.message}`);
    return error.exitCode;
  }
}

const exitCodesHelp = `
Exit codes: 0 done, 1 failure, 2 wrong command line or configuration, 3 no running instance.`;

function buildProgram(ports: CliPorts, end: (code: number) => void): Command {
  const program = new Command("weichensteller")
    .description("Keeps RESTful services available: balances HTTP traffic over healthy endpoints.")
    .version(ports.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => ports.io.out(text.trimEnd()),
      writeErr: (text) => ports.io.err(text.trimEnd()),
    })
    .showHelpAfterError("Help: weichensteller --help")
    .addHelpText(
      "after",
      `
Examples:
  weichensteller start                 try it: three small services and a balancer in front
  weichensteller check -c my.yaml      say everything that is wrong with a configuration
  weichensteller run -c my.yaml        balance
  weichensteller status                how the running instance is
  weichensteller drain app/b1          no new requests for an endpoint
${exitCodesHelp}`,
    );
  addRun(program, ports, end);
  addStart(program, ports, end);
  addCheck(program, ports, end);
  addStatus(program, ports, end);
  addStop(program, ports, end);
  addStates(program, ports, end);
  addWeight(program, ports, end);
  return program;
}

function addRun(program: Command, ports: CliPorts, end: (code: number) => void): void {
  program
    .command("run")
    .description("run an instance in the foreground until SIGTERM, Ctrl-C or stop")
    .option("-c, --config <FILE>", "configuration (required)")
    .addHelpText(
      "after",
      `\nExample:\n  weichensteller run -c /etc/weichensteller/weichensteller.yaml\n${exitCodesHelp}`,
    )
    .action(async ({ config }: { config?: string }, command: Command) => end(await ports.run(given(config, command))));
}

function addStart(program: Command, ports: CliPorts, end: (code: number) => void): void {
  program
    .command("start")
    .description("quickstart: three small services and a balancer in front; with -c the same as run")
    .option("-c, --config <FILE>", "run this configuration instead of the quickstart")
    .addOption(
      new Option("-p, --port <PORT>", "port of the quickstart on 127.0.0.1; 0: any free one")
        .argParser(portArgument)
        .default(defaultQuickstartPort)
        .conflicts("config"),
    )
    .addHelpText(
      "after",
      `\nExamples:\n  weichensteller start\n  weichensteller start --port 8081\n  npm start -- -c my.yaml\n${exitCodesHelp}`,
    )
    .action(async ({ config, port }: { config?: string; port: number }) =>
      end(await (config === undefined ? ports.quickstart({ port }) : ports.run(config))),
    );
}

function addCheck(program: Command, ports: CliPorts, end: (code: number) => void): void {
  program
    .command("check")
    .description("check a configuration without using it: all errors at once, with line and column")
    .option("-c, --config <FILE>", "configuration (required)")
    .option("--json", "for machines")
    .addHelpText(
      "after",
      `\nExample:\n  weichensteller check -c my.yaml --json\n\nExit codes: 0 usable, 1 not usable, 2 wrong command line.`,
    )
    .action(async ({ config, json }: { config?: string; json?: true }, command: Command) => {
      end(await ports.check({ file: given(config, command), isJson: json === true }));
    });
}

function addStatus(program: Command, ports: CliPorts, end: (code: number) => void): void {
  withTarget(program.command("status").description("show listeners, pools, endpoints with their reasons, and workers"))
    .option("--json", "for machines")
    .addHelpText(
      "after",
      `\nExamples:\n  weichensteller status\n  weichensteller status --admin 127.0.0.1:9400 --json\n${exitCodesHelp}`,
    )
    .action(async (options: TargetOptions & { json?: true }) => {
      const { runStatus } = await import("./status.ts");
      end(
        await runStatus(await adminTarget(options, surroundings(ports)), { isJson: options.json === true }, ports.io),
      );
    });
}

function addStop(program: Command, ports: CliPorts, end: (code: number) => void): void {
  withTarget(program.command("stop").description("let running requests finish, then end the instance"))
    .option("--no-wait", "return at once, while it still drains")
    .addHelpText("after", `\nExamples:\n  weichensteller stop\n  weichensteller stop -c my.yaml\n${exitCodesHelp}`)
    .action(async (options: TargetOptions & { wait: boolean }) => {
      const { runStop } = await import("./stop.ts");
      end(await runStop(await adminTarget(options, surroundings(ports)), { isWaiting: options.wait }, ports.io));
    });
}

const states = {
  drain: "give an endpoint no new requests; those that run finish, checks go on",
  maint: "take an endpoint out of service, whatever its checks say",
  ready: "take drain or maint back: checks decide again",
} as const;

function addStates(program: Command, ports: CliPorts, end: (code: number) => void): void {
  for (const state of Object.keys(states) as (keyof typeof states)[]) {
    addOverride(program, { name: state, usage: "<POOL/ENDPOINT>", what: states[state], example: "app/b1" }).action(
      async (place: string, options: TargetOptions & { reason?: string }) => {
        end(await override(ports, options, { place, change: { kind: "state", state } }));
      },
    );
  }
}

function addWeight(program: Command, ports: CliPorts, end: (code: number) => void): void {
  const what = "set an endpoint's weight, 0 to 256; default: the configured one";
  addOverride(program, { name: "weight", usage: "<POOL/ENDPOINT> <N>", what, example: "app/b1 10" }).action(
    async (place: string, text: string, options: TargetOptions & { reason?: string }) => {
      end(await override(ports, options, { place, change: { kind: "weight", weight: weightArgument(text) } }));
    },
  );
}

function addOverride(
  program: Command,
  { name, usage, what, example }: Readonly<Record<"name" | "usage" | "what" | "example", string>>,
): Command {
  return withTarget(program.command(`${name} ${usage}`).description(what))
    .option("-r, --reason <TEXT>", "why, for status and log")
    .addHelpText(
      "after",
      `\nIt holds over reload and restart.\n\nExample:\n  weichensteller ${name} ${example} --reason "new disk"\n${exitCodesHelp}`,
    );
}

async function override(
  ports: CliPorts,
  { reason, ...target }: TargetOptions & { reason?: string },
  { place, change }: { readonly place: string; readonly change: OverrideChange },
): Promise<number> {
  const { runOverride } = await import("./override.ts");
  const asked = reason === undefined ? { place, change } : { place, change, reason };
  return runOverride(await adminTarget(target, surroundings(ports)), asked, ports.io);
}

/** Null: the configured one. */
function weightArgument(text: string): number | null {
  if (text === "default") return null;
  const weight = Number(text);
  if (!/^[0-9]+$/.test(text) || weight > weightMax)
    throw new AppError("bad-argument", `weight ${JSON.stringify(text)}: expected 0 to ${weightMax}, or default`);
  return weight;
}

/** Not commander's requiredOption, which reports itself missing where the user only mistyped it. */
function given(config: string | undefined, command: Command): string {
  if (config === undefined) command.error("error: '-c FILE' is missing: which configuration?");
  return config;
}

function withTarget(command: Command): Command {
  return command
    .addOption(
      new Option(
        "-a, --admin <ADDRESS-OR-SOCKET>",
        "where the instance answers: a socket's path or HOST:PORT",
      ).conflicts("config"),
    )
    .option(
      "-c, --config <FILE>",
      "the instance's configuration, whose admin section says where (default: the default socket)",
    );
}

function surroundings({ io, readAdmin }: CliPorts): Parameters<typeof adminTarget>[1] {
  return { env: io.env, uid: io.uid, readAdmin };
}

function portArgument(text: string): number {
  const port = Number(text);
  if (!/^[0-9]+$/.test(text) || port > 65_535) throw new InvalidArgumentError("Expected a port, 0 to 65535.");
  return port;
}

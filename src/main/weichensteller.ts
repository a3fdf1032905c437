import { isatty } from "node:tty";
import packageJson from "../../package.json" with { type: "json" };
import type { CliIo } from "../cli/io.ts";
import { runCli } from "../cli/program.ts";
import { userName } from "../platform/users.ts";
import { writeStandard } from "../platform/standard-output.ts";

// The entry of the command line. Everything a command needs is imported when the command runs: `status` is often typed
// and should not wait for the supervisor's and the schema's modules.
const { version } = packageJson;
const uid = process.geteuid?.() ?? -1;

const io: CliIo = {
  out: (line) => writeStandard(1, `${line}\n`),
  err: (line) => writeStandard(2, `${line}\n`),
  isTerminal: isatty(1),
  columns: () => (isatty(1) ? process.stdout.columns || 80 : undefined),
  env: process.env,
  uid,
  user: () => process.env["SUDO_USER"] ?? userName(uid) ?? `uid ${uid}`,
  pause: (ms) => Bun.sleep(ms),
  isAlive(pid) {
    try {
      process.kill(pid, 0);
      return true;
    } catch (error) {
      return error instanceof Error && "code" in error && error.code === "EPERM";
    }
  },
};

const exitCode = await runCli(process.argv.slice(2), {
  version,
  io,
  run: async (file) => (await import("./run-instance.ts")).runInstance({ file, version }),
  check: async (options) => (await import("./check-file.ts")).checkFile(options, io),
  quickstart: async (options) => (await import("./quickstart.ts")).quickstart(options, { io, version }),
  readAdmin: async (file) => (await import("./check-file.ts")).readAdmin(file),
});
process.exit(exitCode);

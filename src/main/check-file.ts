import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { isatty } from "node:tty";
import { formatIssue, runCheck } from "../cli/check.ts";
import type { CliIo } from "../cli/io.ts";
import { parseConfig, type ParseOptions } from "../core/config/load.ts";
import { AppError } from "../model/app-error.ts";
import type { AdminConfig, Config } from "../model/config.ts";
import { instancePaths } from "../platform/instance-paths.ts";
import { linux } from "../platform/linux.ts";
import { writeStandard } from "../platform/standard-output.ts";

/** The `check` command on real files. */
export function checkFile({ file, isJson }: { readonly file: string; readonly isJson: boolean }, io: CliIo): number {
  return runCheck(
    { file, json: isJson },
    {
      readFile: (path) => readFileSync(path, "utf8"),
      out: (text) => writeStandard(1, text),
      err: (text) => writeStandard(2, text),
      isTerminal: io.isTerminal,
    },
  );
}

/** The `admin` section of a file, so that a command finds its instance; throws AppError `config-invalid`. */
export function readAdmin(file: string): AdminConfig {
  const path = resolve(file);
  const text = linux.files.readText(path);
  if (!text.ok) throw new AppError("config-invalid", `${file}: cannot be read: ${text.text}`);
  const { config, lines } = parseWithDefaults(text.value, { file: path });
  if (config === undefined) throw new AppError("config-invalid", lines.join("\n"));
  return config.admin;
}

/** The parser with this user's default places, and its issues as text. */
export function parseWithDefaults(
  text: string,
  { file }: { readonly file: string },
): { readonly config: Config | undefined; readonly lines: readonly string[] } {
  const { config, issues } = parseConfig(text, {
    file,
    defaults: defaultsFor(linux.processes.uid),
  });
  const source = text.split("\n");
  return { config, lines: issues.map((issue) => formatIssue(issue, source, isatty(2)).trimEnd()) };
}

function defaultsFor(uid: number): NonNullable<ParseOptions["defaults"]> {
  const { adminSocket, folder } = instancePaths({ env: process.env, uid });
  return uid === 0 ? { socket: adminSocket } : { socket: adminSocket, data: `${folder}/data` };
}

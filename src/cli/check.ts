import { parseConfig } from "../core/config/load.ts";
import { printable } from "../lib/printable.ts";
import type { Config } from "../model/config.ts";
import { IssueCode } from "../model/issue.ts";
import type { Issue } from "../model/issue.ts";

export interface CheckOptions {
  readonly file: string;
  readonly json: boolean;
}

/** The doors that `check` needs. `readFile` throws as the file system does, with a `code` such as ENOENT. */
export interface CheckIo {
  readFile(path: string): string;
  out(text: string): void;
  err(text: string): void;
  readonly isTerminal: boolean;
}

/** What `check --json` prints. */
export interface CheckReport {
  readonly file: string;
  readonly ok: boolean;
  readonly errors: number;
  readonly warnings: number;
  readonly issues: readonly Issue[];
  /** Absent where there are errors. */
  readonly summary?: {
    readonly listeners: number;
    readonly pools: number;
    readonly endpoints: number;
  };
}

/**
 * `weichensteller check`: prints what is wrong with a configuration file and returns the exit code, 0 where it can be
 * used (perhaps with warnings), else 1. Issues go to `err`, the verdict and JSON to `out`.
 */
export function runCheck(options: CheckOptions, io: CheckIo): number {
  const { file, json } = options;
  const read = readText(file, io);
  const { config, issues } =
    typeof read === "string" ? parseConfig(read, { file }) : { config: undefined, issues: [read] };
  const errors = issues.filter(({ severity }) => severity === "error").length;
  const warnings = issues.length - errors;
  if (json) {
    const report: CheckReport = {
      file,
      ok: config !== undefined,
      errors,
      warnings,
      issues,
      ...(config === undefined ? {} : { summary: summarise(config) }),
    };
    io.out(`${JSON.stringify(report, undefined, 2)}\n`);
    return config === undefined ? 1 : 0;
  }
  const lines = typeof read === "string" ? read.split("\n") : [];
  for (const issue of issues) io.err(formatIssue(issue, lines, io.isTerminal));
  if (config === undefined) {
    io.err(`${printable(file)}: ${countText(errors, warnings)}\n`);
    return 1;
  }
  const { listeners, pools, endpoints } = summarise(config);
  const verdict = warnings === 0 ? "ok" : `ok, with ${count(warnings, "warning")}`;
  io.out(
    `${printable(file)}: ${count(listeners, "listener")}, ${count(pools, "pool")}, ${count(endpoints, "endpoint")}: ${verdict}\n`,
  );
  return 0;
}

/**
 * An issue as compilers print it, with its line of the file and a caret; each line ends with a line feed. Shared with
 * everything that refuses a configuration (`run`, a reload).
 */
export function formatIssue(issue: Issue, lines: readonly string[], isTerminal: boolean): string {
  const paint = (code: number, text: string): string => (isTerminal ? `\u001b[${code}m${text}\u001b[0m` : text);
  const { severity, path, message, hint } = issue;
  const colour = severity === "error" ? 31 : 33;
  const file = printable(issue.file);
  // A file that cannot be read has no lines.
  const place = issue.code === IssueCode.File ? file : `${file}:${issue.line}:${issue.column}`;
  let text = `${paint(1, place)}: ${paint(colour, severity)}: ${path === "" ? "" : `${path}: `}${message}\n`;
  const source = issue.code === IssueCode.File ? undefined : lines[issue.line - 1];
  if (source !== undefined) text += sourceLines(source.replace(/\r$/, ""), issue, (caret) => paint(colour, caret));
  if (hint !== undefined) text += `        ${paint(36, "hint")}: ${hint}\n`;
  return text;
}

const columnsMax = 120;

function sourceLines(source: string, { line, column }: Issue, paint: (text: string) => string): string {
  // Of a long line, the part around the caret.
  const from = column > columnsMax - 20 ? column - 40 : 0;
  const shown = `${from > 0 ? "…" : ""}${source.slice(from, from + columnsMax)}${source.length > from + columnsMax ? "…" : ""}`;
  const before = printable(`${from > 0 ? "…" : ""}${source.slice(from, column - 1)}`.replaceAll("\t", " "));
  const number = String(line).padStart(5);
  return `${number} | ${printable(shown.replaceAll("\t", " "))}\n      | ${" ".repeat(before.length)}${paint("^")}\n`;
}

function readText(file: string, io: CheckIo): string | Issue {
  try {
    return io.readFile(file);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const message =
      readErrors[code] ?? `the file cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    return { severity: "error", code: IssueCode.File, path: "", file, line: 1, column: 1, message };
  }
}

const readErrors: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "no permission to read the file",
  EISDIR: "this is a folder, not a file",
  ENOTDIR: "a part of the path is not a folder",
  ENAMETOOLONG: "the path is too long",
  ELOOP: "the path is a loop of links",
  EFBIG: "the file is too large",
};

function summarise(config: Config): NonNullable<CheckReport["summary"]> {
  const endpoints = config.pools.reduce((sum, pool) => sum + pool.endpoints.length, 0);
  return { listeners: config.listeners.length, pools: config.pools.length, endpoints };
}

function countText(errors: number, warnings: number): string {
  return warnings === 0 ? count(errors, "error") : `${count(errors, "error")}, ${count(warnings, "warning")}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

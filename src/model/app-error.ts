/** Something the person at the keyboard can do something about: shown as one line, ends a command with `exitCode`. */
export class AppError extends Error {
  readonly code: AppErrorCode;

  constructor(code: AppErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "AppError";
    this.code = code;
  }

  get exitCode(): ExitCode {
    return appErrorExit[this.code];
  }
}

/** Exit codes of every command; in `--help` too. */
export const ExitCode = {
  Ok: 0,
  /** Something failed. */
  Failure: 1,
  /** Wrong arguments or a wrong configuration. */
  Usage: 2,
  /** There is no running instance where one was looked for. */
  NotRunning: 3,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export const appErrorExit = {
  "admin-bind-not-loopback": ExitCode.Usage,
  "admin-address-in-use": ExitCode.Failure,
  "admin-listen-failed": ExitCode.Failure,
  "admin-bad-address": ExitCode.Usage,
  "admin-bad-answer": ExitCode.Failure,
  "admin-forbidden": ExitCode.Failure,
  "not-running": ExitCode.NotRunning,
  "unknown-name": ExitCode.Usage,
  "bad-argument": ExitCode.Usage,
  "config-invalid": ExitCode.Usage,
  "port-in-use": ExitCode.Failure,
  "quickstart-failed": ExitCode.Failure,
} as const;
export type AppErrorCode = keyof typeof appErrorExit;

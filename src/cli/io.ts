/** The world of a command: its two outputs and what it may know of its surroundings. */
export interface CliIo {
  /** Writes a line to standard output. */
  out(line: string): void;
  /** Writes a line to standard error. */
  err(line: string): void;
  /** Whether standard output is a terminal. */
  readonly isTerminal: boolean;
  /** Width of the terminal now; undefined where there is none. */
  columns(): number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  /** Who runs the command: behind sudo the one who typed it. */
  user(): string;
  /** Waits for so many milliseconds. */
  pause(ms: number): Promise<void>;
  /** Whether a process with this id exists. */
  isAlive(pid: number): boolean;
}

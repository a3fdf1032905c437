import type { Clock, Output } from "../platform/ports.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Writes one line an event. `code` is stable and meant for machines, `text` for people; fields go only into JSON. */
export interface Log {
  (level: LogLevel, code: string, text: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, string | number | boolean>>;

export interface LogOptions {
  readonly level: LogLevel;
  /** `auto`: text on a terminal, else one JSON object a line. */
  readonly format: "auto" | "text" | "json";
}

const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** `options` is asked at each line, so that a reload can change it. */
export function createLog(output: Output, clock: Clock, options: () => LogOptions): Log {
  return (level, code, text, fields) => {
    const { level: least, format } = options();
    if (rank[level] < rank[least]) return;
    const isText = format === "text" || (format === "auto" && output.isTerminal);
    const time = new Date(clock.wallMs()).toISOString();
    output.writeLine(isText ? textLine({ time, level, text }) : JSON.stringify({ time, level, code, text, ...fields }));
  };
}

function textLine({ time, level, text }: { time: string; level: LogLevel; text: string }): string {
  // People who watch a terminal know the day; the code stays out, as in every log made for reading.
  const clockTime = time.slice(11, 23);
  return level === "info" ? `${clockTime} ${text}` : `${clockTime} ${level}: ${text}`;
}

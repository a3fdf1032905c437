import { writeSync } from "node:fs";
import type { Cancel } from "./ports.ts";

/** Standard output, as far as a live view needs it. */
export interface Terminal {
  readonly isTerminal: boolean;
  /** 80 where a terminal does not say. */
  columns(): number;
  /** 24 where a terminal does not say. */
  rows(): number;
  write(text: string): void;
  onResize(run: () => void): Cancel;
}

export const terminal: Terminal = {
  isTerminal: process.stdout.isTTY === true,
  // A terminal that was never told its size says 0.
  columns: () => process.stdout.columns || 80,
  rows: () => process.stdout.rows || 24,
  write(text) {
    try {
      writeSync(1, text);
    } catch {
      // A closed or full terminal: the next frame says it all again.
    }
  },
  onResize(run) {
    process.stdout.on("resize", run);
    return () => process.stdout.off("resize", run);
  },
};

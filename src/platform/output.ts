import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import type { Output } from "./ports.ts";

const standardError = 2;

/** Synchronous, so that the line before an exit is not lost. */
export const errorOutput: Output = {
  isTerminal: isatty(standardError),
  writeLine(line) {
    try {
      writeSync(standardError, `${line}\n`);
    } catch {
      // A closed pipe or terminal: nobody is left to be told, and losing a line must not stop the service.
    }
  },
};

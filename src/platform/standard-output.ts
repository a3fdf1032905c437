import { writeSync } from "node:fs";

/**
 * Writes all of `text` to standard output (1) or standard error (2) before it returns, so that nothing is lost at an
 * exit. A reader that has gone (`| head`) is no error.
 */
export function writeStandard(descriptor: 1 | 2, text: string): void {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      // EAGAIN: the pipe is full and somebody made it non-blocking; the reader will take some.
      if (error instanceof Error && "code" in error && error.code === "EAGAIN") continue;
      return;
    }
  }
}

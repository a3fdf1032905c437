import type { Terminal } from "../../platform/terminal.ts";

const hideCursor = "\u001b[?25l";
const showCursor = "\u001b[?25h";
const clearLine = "\u001b[K";
const clearBelow = "\u001b[J";
const clearAll = "\u001b[2J\u001b[H";
/** Terminals that know it show the frame as one; the others ignore it. */
const beginFrame = "\u001b[?2026h";
const endFrame = "\u001b[?2026l";

/**
 * Redraws a block of lines in place. One write per frame and no clearing before it, so that nothing flickers. Lines
 * must not be wider than the terminal, else the terminal wraps them and the block loses its place.
 */
export class Painter {
  readonly #terminal: Pick<Terminal, "write" | "rows">;
  /** Lines of the frame on the screen. */
  #height = 0;
  #isBegun = false;

  constructor(terminal: Pick<Terminal, "write" | "rows">) {
    this.#terminal = terminal;
  }

  /** What does not fit the height is left out from the end, because the top says what matters. */
  draw(lines: readonly string[]): void {
    const shown = lines.slice(0, Math.max(1, this.#terminal.rows() - 1));
    this.#terminal.write(
      `${beginFrame}${this.#start()}${shown.map((line) => `${line}${clearLine}\n`).join("")}${clearBelow}${endFrame}`,
    );
    this.#height = shown.length;
  }

  /** Writes lines that stay, above the frame; the frame is drawn again by the next `draw`. */
  above(line: string): void {
    this.#terminal.write(`${this.#start()}${clearBelow}${line}\n`);
    this.#height = 0;
  }

  /** After a resize nobody knows where the old lines are. */
  reset(): void {
    if (this.#isBegun) this.#terminal.write(clearAll);
    this.#height = 0;
  }

  /** Leaves the last frame on the screen. */
  end(): void {
    if (this.#isBegun) this.#terminal.write(showCursor);
    this.#isBegun = false;
  }

  #start(): string {
    const begin = this.#isBegun ? "" : hideCursor;
    this.#isBegun = true;
    return this.#height === 0 ? `${begin}\r` : `${begin}\u001b[${this.#height}A\r`;
  }
}

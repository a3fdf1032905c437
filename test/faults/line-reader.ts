import { within } from "../support/within.ts";

/** Lines of a child's output, taken one after another. */
export class LineReader {
  readonly #lines: string[] = [];
  #wake: (() => void) | undefined;
  #isEnded = false;

  constructor(stream: ReadableStream<Uint8Array>) {
    void this.#read(stream);
  }

  /** The next line; rejects with `what` where none comes. */
  async next(what: string, timeoutMs = 10_000): Promise<string> {
    while (this.#lines.length === 0) {
      if (this.#isEnded) throw new Error(`the process ended before ${what}`);
      await within(what, new Promise<void>((resolve) => (this.#wake = resolve)), timeoutMs);
    }
    return this.#lines.shift() ?? "";
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      this.#lines.push(...parts);
      this.#wake?.();
    }
    this.#isEnded = true;
    this.#wake?.();
  }
}

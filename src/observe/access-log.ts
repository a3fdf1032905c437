import type { AppendFile } from "../platform/append-file.ts";

/** Bytes that may wait for the file; past it lines are dropped and counted, because traffic never waits for a log. */
const waitingMax = 1_048_576;

/**
 * Lines about exchanges, written in batches: one write is under way at a time, what comes meanwhile goes with the next.
 */
export class AccessLog {
  readonly #file: AppendFile;
  /** Told once when writing begins to fail, and once when it works again. */
  readonly #onTrouble: (code: string | undefined) => void;
  readonly #onDropped: (lines: number) => void;
  #waiting = "";
  #waitingLines = 0;
  #isWriting = false;
  #hasFailed = false;
  #onIdle: (() => void) | undefined;

  constructor(
    file: AppendFile,
    events: { readonly trouble: (code: string | undefined) => void; readonly dropped: (lines: number) => void },
  ) {
    this.#file = file;
    this.#onTrouble = events.trouble;
    this.#onDropped = events.dropped;
  }

  /** Takes one line, without its line end. */
  write(line: string): void {
    if (this.#waiting.length + line.length > waitingMax) {
      this.#onDropped(1);
      return;
    }
    this.#waiting += `${line}\n`;
    this.#waitingLines++;
  }

  /** Hands over the rest; `done` is called when everything is written or lost. */
  end(done: () => void): void {
    this.#onIdle = done;
    this.flush();
    if (!this.#isWriting) done();
  }

  /** Hands over what has come; called a few times a second. */
  flush(): void {
    if (this.#isWriting || this.#waiting === "") return;
    const lines = this.#waitingLines;
    const text = this.#waiting;
    this.#waiting = "";
    this.#waitingLines = 0;
    this.#isWriting = true;
    this.#file.append(text, (code) => {
      this.#isWriting = false;
      if (code !== undefined) this.#onDropped(lines);
      this.#tellTrouble(code);
      if (this.#onIdle === undefined) return;
      if (this.#waiting === "") this.#onIdle();
      else this.flush();
    });
  }

  #tellTrouble(code: string | undefined): void {
    if ((code !== undefined) === this.#hasFailed) return;
    this.#hasFailed = code !== undefined;
    this.#onTrouble(code);
  }
}

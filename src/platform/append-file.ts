import { createWriteStream, type WriteStream } from "node:fs";

/** A file, or standard output, that text is appended to without ever waiting for it. */
export interface AppendFile {
  /** Hands `text` over; `done` is called when it is written, with an errno's name where it could not be. */
  append(text: string, done: (code: string | undefined) => void): void;
}

/** `path` absent: standard output. The file is made at the first line (mode 0640) and opened again after an error. */
export function appendFile(path: string | undefined): AppendFile {
  let stream: WriteStream | undefined;
  const open = (): WriteStream => {
    const opened =
      path === undefined
        ? createWriteStream("", { fd: 1, autoClose: false })
        : createWriteStream(path, { flags: "a", mode: 0o640 });
    // The error is told to the writer as well; without a listener it would end the process.
    opened.on("error", () => (stream = undefined));
    return opened;
  };
  return {
    append(text, done) {
      stream ??= open();
      stream.write(text, (error) => {
        if (error === null || error === undefined) return done(undefined);
        done("code" in error ? String(error.code) : error.message);
      });
    },
  };
}

import { expect, test } from "bun:test";
import type { AppendFile } from "../platform/append-file.ts";
import { AccessLog } from "./access-log.ts";

/** A file whose writes end when the test says so. */
function slowFile(): AppendFile & { readonly texts: string[]; end(code?: string): void } {
  const texts: string[] = [];
  let waiting: ((code: string | undefined) => void) | undefined;
  return {
    texts,
    append(text, done) {
      texts.push(text);
      waiting = done;
    },
    end: (code) => waiting?.(code),
  };
}

function begin() {
  const file = slowFile();
  const trouble: (string | undefined)[] = [];
  let dropped = 0;
  const log = new AccessLog(file, { trouble: (code) => trouble.push(code), dropped: (lines) => (dropped += lines) });
  return { file, log, trouble, dropped: () => dropped };
}

test("lines go out in one batch, in their order", () => {
  const { file, log } = begin();
  log.write("a");
  log.write("b");
  log.flush();
  expect(file.texts).toEqual(["a\nb\n"]);
});

test("nothing to write writes nothing", () => {
  const { file, log } = begin();
  log.flush();
  expect(file.texts).toEqual([]);
});

test("what comes during a write goes with the next one", () => {
  const { file, log } = begin();
  log.write("a");
  log.flush();
  log.write("b");
  log.flush();
  expect(file.texts).toEqual(["a\n"]);
  file.end();
  log.flush();
  expect(file.texts).toEqual(["a\n", "b\n"]);
});

test("a file that takes nothing costs lines, not memory", () => {
  const { log, dropped } = begin();
  for (let line = 0; line < 2000; line++) log.write("x".repeat(1000));
  expect(dropped()).toBe(2000 - Math.floor(1_048_576 / 1001));
});

test("the end waits for what is under way and for what came meanwhile", () => {
  const { file, log } = begin();
  let isOver = false;
  log.write("a");
  log.flush();
  log.write("b");
  log.end(() => (isOver = true));
  file.end();
  expect(isOver).toBe(false);
  file.end();
  expect(isOver).toBe(true);
  expect(file.texts).toEqual(["a\n", "b\n"]);
});

test("the end of an idle log comes at once", () => {
  const { log } = begin();
  let isOver = false;
  log.end(() => (isOver = true));
  expect(isOver).toBe(true);
});

test("trouble is told once, its end once, and lost lines are counted", () => {
  const { file, log, trouble, dropped } = begin();
  for (const code of ["ENOSPC", "ENOSPC", undefined, undefined]) {
    log.write("a");
    log.flush();
    file.end(code);
  }
  expect(trouble).toEqual(["ENOSPC", undefined]);
  expect(dropped()).toBe(2);
});

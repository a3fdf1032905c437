import { expect, test } from "bun:test";
import { FileWatch } from "./file-watch.ts";

/** A file whose stamp the test sets, looked at when the test says so. */
function watched() {
  const file = { stamp: "a" as string | undefined, changes: 0, timers: 0, look: () => undefined as void };
  const watch = new FileWatch(
    {
      files: { stamp: () => file.stamp },
      timers: {
        after: () => () => undefined,
        every(_ms, run) {
          file.timers++;
          file.look = run;
          return () => void file.timers--;
        },
      },
    },
    "/a.yaml",
    () => file.changes++,
  );
  return { file, watch };
}

/** Sees these stamps one after the other; how many changes were reported after each. */
function changesAfter(...stamps: readonly (string | undefined)[]): readonly number[] {
  const { file, watch } = watched();
  watch.set(true);
  return stamps.map((stamp) => {
    file.stamp = stamp;
    file.look();
    return file.changes;
  });
}

test("a change is one when it looks the same twice", () => {
  expect(changesAfter("a", "b", "b", "b")).toEqual([0, 0, 1, 1]);
});

test("a file that is still being written is waited for", () => {
  expect(changesAfter("b", "c", "d", "d", "d")).toEqual([0, 0, 0, 1, 1]);
});

test("a file that is gone for a while is no change, the one that follows is", () => {
  expect(changesAfter(undefined, undefined, "b", "b")).toEqual([0, 0, 0, 1]);
});

test("one that is put back as it was is none", () => {
  expect(changesAfter("b", "a", "a")).toEqual([0, 0, 0]);
});

test("off is off, and on again begins with what is there", () => {
  const { file, watch } = watched();
  watch.set(true);
  watch.set(true);
  expect(file.timers).toBe(1);
  watch.set(false);
  expect(file.timers).toBe(0);
  file.stamp = "b";
  watch.set(true);
  file.look();
  file.look();
  expect(file.changes).toBe(0);
});

import { expect, test } from "bun:test";
import { HungWatch, type WorkerBeat } from "./hung-watch.ts";

/** Looks at one worker every 500 ms while it beats as `beats` says; the times at which it was called hung. */
function watch(beats: readonly number[], { isReady = true, everyMs = 500 } = {}): readonly number[] {
  let nowMs = 0;
  const hung = new HungWatch({ monotonicMs: () => nowMs });
  return beats.flatMap((count) => {
    nowMs += everyMs;
    const worker: WorkerBeat = { pid: 7, beats: count, isReady };
    return hung.look([worker]).map(() => nowMs);
  });
}

test("a worker that beats is left alone, however slowly", () => {
  expect(watch([1, 1, 1, 1, 2, 2, 2, 2, 3])).toEqual([]);
});

test("one that stands still for 2 s is hung, from its last beat that was seen on", () => {
  expect(watch([4, 5, 5, 5, 5, 5])).toEqual([3_000]);
});

test("before it is ready it has 20 s", () => {
  expect(
    watch(
      Array.from({ length: 40 }, () => 0),
      { isReady: false },
    ),
  ).toEqual([]);
  expect(
    watch(
      Array.from({ length: 41 }, () => 0),
      { isReady: false },
    ),
  ).toEqual([20_500]);
});

test("after a pause of our own nobody is hung: the machine stood still", () => {
  expect(watch([5, 5, 5, 5], { everyMs: 5_000 })).toEqual([]);
});

test("another process in the same place starts anew", () => {
  let nowMs = 0;
  const hung = new HungWatch({ monotonicMs: () => nowMs });
  const look = (pid: number) => {
    nowMs += 1_000;
    return hung.look([{ pid, beats: 0, isReady: true }]).length;
  };
  expect([look(1), look(1), look(2), look(2), look(2)]).toEqual([0, 0, 0, 0, 1]);
});

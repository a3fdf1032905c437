import { expect, test } from "bun:test";
import { sampleProcess, slopePerMinute } from "./proc.ts";

const rows: readonly (readonly [string, readonly (readonly [number, number])[], number])[] = [
  ["nothing", [], 0],
  ["one point", [[1, 5]], 0],
  [
    "flat",
    [
      [0, 5],
      [1, 5],
      [2, 5],
    ],
    0,
  ],
  [
    "a line up",
    [
      [0, 1],
      [1, 3],
      [2, 5],
    ],
    2,
  ],
  [
    "a line down",
    [
      [2, 1],
      [3, 0],
    ],
    -1,
  ],
  [
    "noise around a flat line",
    [
      [0, 1],
      [1, -1],
      [2, -1],
      [3, 1],
    ],
    0,
  ],
  [
    "samples of one moment",
    [
      [1, 1],
      [1, 9],
    ],
    0,
  ],
];
test.each(rows)("slope of %s", (_name, points, expected) => {
  expect(slopePerMinute(points.map(([minutes, value]) => ({ minutes, value })))).toBeCloseTo(expected, 10);
});

test("a process can be sampled", () => {
  const sample = sampleProcess(process.pid);
  expect(sample.rssMiB).toBeGreaterThan(5);
  expect(sample.descriptors).toBeGreaterThan(2);
  expect(sample.wakeUps).toBeGreaterThan(0);
});

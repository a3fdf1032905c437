import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatDuration, formatSize, parseByteRate, parseDuration, parseRate, parseShare, parseSize } from "./units.ts";

type Row = readonly [text: string, expected: number | undefined];

function table(name: string, parse: (text: string) => number | undefined, rows: readonly Row[]): void {
  describe(name, () => {
    for (const [text, expected] of rows)
      test(`${JSON.stringify(text)} is ${expected}`, () => expect(parse(text)).toBe(expected!));
  });
}

const noNumbers: readonly Row[] = [
  "",
  " ",
  "5",
  "-5s",
  "+5s",
  "s",
  "5 s",
  "5s ",
  "5x",
  "5.s",
  ".5s",
  "1e3s",
  "0x5s",
  "5S",
  "٥s",
  "toString",
  "1constructor",
].map((text) => [text, undefined]);

table("parseDuration", parseDuration, [
  ["0s", 0],
  ["0ms", 0],
  ["1ms", 1],
  ["2s", 2000],
  ["1.5s", 1500],
  ["1.1s", 1100],
  ["5m", 300_000],
  ["1h", 3_600_000],
  ["0.5ms", undefined],
  ["1d", undefined],
  ["1m30s", undefined],
  ["9999999999999999s", undefined],
  ...noNumbers,
]);
table("parseSize", parseSize, [
  ["0B", 0],
  ["1B", 1],
  ["32KiB", 32_768],
  ["1.5MiB", 1_572_864],
  ["2GiB", 2_147_483_648],
  ["0.5B", undefined],
  ["0.3KiB", undefined],
  ["1KB", undefined],
  ["1kib", undefined],
  ["1M", undefined],
  ...noNumbers,
]);
table("parseByteRate", parseByteRate, [
  ["1KiB/s", 1024],
  ["0B/s", 0],
  ["1KiB", undefined],
  ["1KiB/m", undefined],
  ["20/s", undefined],
]);
table("parseRate", parseRate, [
  ["20/s", 20],
  ["0/s", 0],
  ["0.5/s", 0.5],
  ["20", undefined],
  ["20/m", undefined],
  ["20 /s", undefined],
  ["-1/s", undefined],
]);
table("parseShare", parseShare, [
  ["20%", 0.2],
  ["0%", 0],
  ["100%", 1],
  ["0.1%", 0.001],
  ["150%", 1.5],
  ["0.2", undefined],
  ["20 %", undefined],
  ["-1%", undefined],
  ["%", undefined],
]);

test("what is formatted is read back, in the largest unit that is exact", () => {
  expect([0, 1, 1000, 1500, 60_000, 90_000, 7_200_000].map(formatDuration)).toEqual([
    "0s",
    "1ms",
    "1s",
    "1500ms",
    "1m",
    "90s",
    "2h",
  ]);
  expect([0, 1, 1024, 1536, 1_048_576].map(formatSize)).toEqual(["0B", "1B", "1KiB", "1536B", "1MiB"]);
  fc.assert(
    fc.property(
      fc.nat(1e12),
      (value) => parseDuration(formatDuration(value)) === value && parseSize(formatSize(value)) === value,
    ),
  );
});

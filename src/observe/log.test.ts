import { expect, test } from "bun:test";
import { createLog, type LogOptions } from "./log.ts";

const clock = { monotonicMs: () => 0, wallMs: () => Date.UTC(2026, 0, 2, 3, 4, 5, 67) };

test.each<[string, LogOptions, boolean, string[]]>([
  [
    "auto on a terminal is text",
    { level: "info", format: "auto" },
    true,
    ["03:04:05.067 started", "03:04:05.067 warn: low"],
  ],
  [
    "auto elsewhere is JSON",
    { level: "warn", format: "auto" },
    false,
    ['{"time":"2026-01-02T03:04:05.067Z","level":"warn","code":"b","text":"low","worker":3}'],
  ],
  ["text elsewhere", { level: "error", format: "text" }, false, []],
])("%s", (_name, options, isTerminal, expected) => {
  const lines: string[] = [];
  const log = createLog({ isTerminal, writeLine: (line) => void lines.push(line) }, clock, () => options);
  log("debug", "z", "details");
  log("info", "a", "started");
  log("warn", "b", "low", { worker: 3 });
  expect(lines).toEqual(expected);
});

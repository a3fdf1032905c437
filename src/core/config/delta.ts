import { addressText } from "../../lib/address.ts";
import type { Config } from "../../model/config.ts";

type Key = readonly [string, (config: Config) => string];

/** By these workers and the next supervisor find each other: only a stopped instance can change them. */
const stopKeys: readonly Key[] = [
  ["admin.socket", ({ admin }) => admin.socket],
  ["process.user", ({ process }) => process.user ?? "none"],
];

/** Read once, when the program starts. */
const startKeys: readonly Key[] = [
  ["admin.bind", ({ admin }) => (admin.bind === undefined ? "none" : addressText(admin.bind))],
  ["process.workers", ({ process }) => String(process.workers)],
  ["process.data", ({ process }) => process.data],
];

/** What in `after` a reload cannot apply, one line each, naming the key; empty: everything can. */
export function needsRestart(before: Config, after: Config): readonly string[] {
  return [
    ...changes(startKeys, before, after).map(
      (line) => `${line}: takes an upgrade (weichensteller upgrade) or a restart`,
    ),
    ...needsStop(before, after),
  ];
}

/** What in `after` even an upgrade cannot apply. */
export function needsStop(before: Config, after: Config): readonly string[] {
  return changes(stopKeys, before, after).map((line) => `${line}: takes a stop and a start`);
}

function changes(keys: readonly Key[], before: Config, after: Config): readonly string[] {
  return keys.flatMap(([key, read]) => {
    return read(before) === read(after) ? [] : [`${key} changed from ${read(before)} to ${read(after)}`];
  });
}

import { parseArgs } from "node:util";
import type { WorkerOptions } from "./worker.ts";

/** Reads what the supervisor appended to the worker's command. Throws on anything else: nobody types this. */
export function parseWorkerOptions(args: readonly string[]): WorkerOptions {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { index: text, column: text, link: text, memory: text, "drain-ms": text, uid: text, gid: text },
  });
  const { uid, gid } = values;
  return {
    index: Number(required(values.index)),
    column: Number(required(values.column)),
    linkPath: required(values.link),
    memoryPath: required(values.memory),
    drainMs: Number(required(values["drain-ms"])),
    ...(uid === undefined || gid === undefined ? {} : { user: { uid: Number(uid), gid: Number(gid) } }),
  };
}

function required(value: string | undefined): string {
  if (value === undefined) throw new Error("wst-worker is started by weichensteller, not by hand");
  return value;
}

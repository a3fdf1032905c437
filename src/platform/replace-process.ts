import { ptr } from "bun:ffi";
import { constants } from "node:os";
import { lastFailure, libc } from "./libc.ts";
import type { OsFailure, ReplaceOptions } from "./ports.ts";

const handoverKey = "WEICHENSTELLER_HANDOVER";
const setDescriptorFlags = 2;
const closeOnExec = 1;
const ignore = 1n;
/** What an operator's tools may send while the new program has no handlers yet; the default action would end it. */
const signals = ["SIGHUP", "SIGUSR2"] as const;

/**
 * As `Processes.replaceThis`. The C library's call and not `process.execve`, which closes every descriptor above 2.
 * Ignored signals stay ignored across exec, caught ones do not; the new program sets its own handlers later.
 */
export function replaceThis({ command, kept, handover }: ReplaceOptions): OsFailure {
  const c = libc();
  const environment = { ...process.env, [handoverKey]: handover };
  const before = signals.map((signal) => c.signal(constants.signals[signal], ignore));
  for (const fd of kept) c.fcntl(fd, setDescriptorFlags, 0);
  const program = strings(command);
  const variables = strings(Object.entries(environment).map(([key, value]) => `${key}=${value}`));
  c.execve(ptr(program.texts[0]!), ptr(program.table), ptr(variables.table));
  const failure = lastFailure();
  for (const fd of kept) c.fcntl(fd, setDescriptorFlags, closeOnExec);
  for (const [index, signal] of signals.entries()) c.signal(constants.signals[signal], before[index]!);
  return failure;
}

export function takeHandover(): string | undefined {
  const handover = process.env[handoverKey];
  delete process.env[handoverKey];
  return handover;
}

/** A NULL-terminated array of NUL-terminated strings; the texts must live as long as the table. */
function strings(list: readonly string[]): { readonly texts: readonly Uint8Array[]; readonly table: BigUint64Array } {
  const texts = list.map((text) => new TextEncoder().encode(`${text}\0`));
  const table = new BigUint64Array(list.length + 1);
  for (const [index, text] of texts.entries()) table[index] = BigInt(ptr(text));
  return { texts, table };
}

/**
 * What a test needs from the machine. A test that cannot run is skipped by a name that says how it could:
 *
 *     const real = needs({ commands: ["nginx"], root: true });
 *     test.skipIf(real.missing)(real.name("nginx answers through the balancer"), async () => { … });
 */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { packageOf } from "./packages.ts";

export interface Wanted {
  /** Commands, looked for on PATH and in the sbin folders. */
  readonly commands?: readonly string[];
  /** Files that must exist. */
  readonly files?: readonly string[];
  /** Whether user id 0 is needed. */
  readonly root?: boolean;
  /** Anything else, as a sentence for the name and whether it holds. */
  readonly also?: { readonly what: string; readonly holds: boolean };
}

export interface Needs {
  readonly missing: boolean;
  /** The test's name, and in brackets what is missing. */
  readonly name: (text: string) => string;
}

/** Looks at the machine once, when it is called. */
export function needs(wanted: Wanted): Needs {
  const reasons: string[] = [];
  const absent = (wanted.commands ?? []).filter((command) => findCommand(command) === undefined);
  if (absent.length > 0) {
    const packages = [...new Set(absent.map((command) => packageOf(command) ?? command))];
    reasons.push(`${absent.join(", ")}: apt-get install ${packages.join(" ")}`);
  }
  const files = (wanted.files ?? []).filter((file) => !existsSync(file));
  if (files.length > 0) reasons.push(`the file ${files.join(", ")}`);
  if (wanted.root === true && process.getuid?.() !== 0) reasons.push("root");
  if (wanted.also !== undefined && !wanted.also.holds) reasons.push(wanted.also.what);
  const missing = reasons.length > 0;
  return { missing, name: (text) => (missing ? `${text} (needs ${reasons.join("; ")})` : text) };
}

/** Absolute path of a command; the sbin folders count although they are not on everybody's PATH. */
export function findCommand(command: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, command)).find((path) => existsSync(path));
}

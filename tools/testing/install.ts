/** Debian packages for the tests, installed without starting any of their services. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { findCommand } from "../../test/support/needs.ts";
import { type DebianPackage, debianPackages } from "../../test/support/packages.ts";

/** Debian asks this program before it starts a service; 101 means "do not". */
const policyFile = "/usr/sbin/policy-rc.d";
const policyText =
  "#!/bin/sh\n# weichensteller: packages for tests start no services; taken away after the install\nexit 101\n";

export function missingPackages(): readonly DebianPackage[] {
  return debianPackages.filter((one) => findCommand(one.command) === undefined);
}

/** The packages, what brings them in and what is there, for `--list-needs`. */
export function describeNeeds(): string {
  const missing = new Set(missingPackages());
  const rows = debianPackages.map(
    (one) => `  ${missing.has(one) ? "missing" : "there  "}  ${one.name.padEnd(24)} ${one.use}`,
  );
  const line =
    missing.size === 0 ? "nothing is missing" : `apt-get install ${[...missing].map((one) => one.name).join(" ")}`;
  return `${rows.join("\n")}\n${line}`;
}

/**
 * Installs what is missing and says so on the way. Never throws and never stops a run: a test that still lacks
 * something is skipped by name.
 */
export async function installPackages(say: (line: string) => void): Promise<void> {
  const missing = missingPackages().map((one) => one.name);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) {
    say(`not root, so these are not installed: ${missing.join(" ")}`);
    return;
  }
  if (findCommand("apt-get") === undefined) {
    say(`no apt-get here, so these are not installed: ${missing.join(" ")}`);
    return;
  }
  say(`installing ${missing.join(" ")}`);
  await withoutServices(async () => {
    const update = await apt(["update"]);
    if (update !== undefined) say(`apt-get update failed: ${update}`);
    if ((await install(missing)) === undefined) return;
    // One name that this Debian does not know must not take the others with it.
    for (const name of missing) {
      const why = await install([name]);
      if (why !== undefined) say(`${name} was not installed: ${why}`);
    }
  });
}

/**
 * Runs `work` while no package may start a service. A policy that somebody else put at `file` is kept and trusted;
 * one that a killed run of ours left behind is taken away.
 */
export async function withoutServices(work: () => Promise<void>, file: string = policyFile): Promise<void> {
  const isOthers = existsSync(file) && readFileSync(file, "utf8") !== policyText;
  if (!isOthers) writeFileSync(file, policyText, { mode: 0o755 });
  try {
    await work();
  } finally {
    if (!isOthers) rmSync(file, { force: true });
  }
}

function install(names: readonly string[]): Promise<string | undefined> {
  const keepConfig = ["-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Options::=--force-confdef"];
  return apt(["install", "--yes", "--no-install-recommends", ...keepConfig, ...names]);
}

/** Undefined when it went well, else the last thing that was said. */
async function apt(args: readonly string[]): Promise<string | undefined> {
  const child = Bun.spawn(["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120", ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" },
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code === 0) return undefined;
  const lines = `${out}\n${err}`.trim().split("\n");
  return lines.findLast((line) => line.startsWith("E:")) ?? lines.at(-1) ?? `exit code ${code}`;
}

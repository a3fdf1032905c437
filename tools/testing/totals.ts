/** Reading the totals that `bun test` prints at its end. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const noTotals: Totals = { passed: 0, failed: 0, skipped: 0 };

export interface FileVerdict extends Totals {
  /** Why the file counts as failed although no test of it says so; absent: the totals speak for themselves. */
  readonly problem?: string;
}

/**
 * Judges one run of `bun test FILE` by the lines it wrote to stderr (` 3 pass`, ` 1 skip`, … `Ran 4 tests`) and its
 * exit code. Only the last block counts, since a test may print anything itself. Whatever is odd is one failure more:
 * a file that ends the process early leaves no totals and may still exit with 0, and a file without tests passes.
 */
export function judge(stderr: string, exitCode: number | undefined): FileVerdict {
  const totals = readTotals(stderr);
  if (totals === undefined) return { ...noTotals, failed: 1, problem: `it ended without totals (${ended(exitCode)})` };
  const { passed, failed, skipped, ran } = totals;
  if (ran === 0 && failed === 0) return { ...noTotals, failed: 1, problem: "there is no test in it" };
  if (passed + failed + skipped !== ran) {
    return {
      passed,
      skipped,
      failed: failed + 1,
      problem: `its totals do not add up to the ${ran} tests it ran`,
    };
  }
  if (exitCode !== 0 && failed === 0) return { passed, skipped, failed: 1, problem: ended(exitCode) };
  return { passed, failed, skipped };
}

export function add(a: Totals, b: Totals): Totals {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

/** The line that ends a run; scripts read it, so it never changes. */
export function totalsLine(totals: Totals): string {
  return `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`;
}

/** Names of the skipped tests, each once. */
export function skippedNames(stderr: string): string[] {
  return [...new Set([...stderr.matchAll(/^\((?:skip|todo)\) (.+)$/gm)].map((match) => match[1] ?? ""))];
}

function readTotals(stderr: string): (Totals & { readonly ran: number }) | undefined {
  const lines = stderr.trimEnd().split("\n");
  const end = lines.findLastIndex((line) => /^Ran \d+ tests? across 1 file\b/.test(line));
  if (end < 0) return undefined;
  const counts = new Map<string, number>();
  for (let at = end - 1; at >= 0; at--) {
    const match = /^ (\d+) (pass|fail|skip|todo|error|errors|expect\(\) calls|filtered out|snapshots?.*)$/.exec(
      lines[at] ?? "",
    );
    if (match === null) break;
    counts.set(match[2] ?? "", Number(match[1]));
  }
  return {
    passed: counts.get("pass") ?? 0,
    failed: counts.get("fail") ?? 0,
    skipped: (counts.get("skip") ?? 0) + (counts.get("todo") ?? 0),
    ran: Number(/\d+/.exec(lines[end] ?? "")?.[0] ?? 0),
  };
}

function ended(exitCode: number | undefined): string {
  return exitCode === undefined ? "killed by a signal" : `exit code ${exitCode}`;
}

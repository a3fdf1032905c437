/**
 * `npm test`: every test file in a process of its own, then the totals.
 *
 *     npm test                      everything
 *     npm test -- src/core http1    files whose path contains one of these
 *     npm test -- --install         first install the Debian packages that tests need (root; CI=true does it too)
 *     npm test -- --list-needs      say which packages those are
 *
 * Unit tests (beside the code) run two at a time; whole-process tests (test/) one after another, since they measure
 * times and own network namespaces. The last line is always `N passed, N failed, N skipped`.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { describeNeeds, installPackages } from "./testing/install.ts";
import { endAll, type FileRun, runFile } from "./testing/run-file.ts";
import { add, noTotals, skippedNames, type Totals, totalsLine } from "./testing/totals.ts";

/** Bounds of one file; the whole run stays below ten minutes with the installation. */
const unitFileLimitMs = 60_000;
const processFileLimitMs = 240_000;
const runLimitMs = 540_000;

interface Options {
  readonly root: string;
  readonly filters: readonly string[];
  readonly install: boolean;
  readonly listNeeds: boolean;
}

interface Report {
  totals: Totals;
  readonly skipped: string[];
  readonly failed: string[];
  isInterrupted: boolean;
}

// Not process.exit(): it would cut off what a slow reader of our output has not taken yet.
process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === "string") {
    say(options);
    return 2;
  }
  if (options.listNeeds) {
    say(describeNeeds());
    return 0;
  }
  if (options.install && process.getuid?.() !== 0) {
    say("--install needs root: run it as root, or install the packages of 'npm test -- --list-needs' yourself");
    return 1;
  }
  if (options.install || (process.env["CI"] === "true" && process.getuid?.() === 0)) await installPackages(say);
  const report: Report = { totals: noTotals, skipped: [], failed: [], isInterrupted: false };
  endOnSignal(report);
  await runAll(options, report);
  const code = conclude(report);
  return report.isInterrupted ? 130 : code;
}

function readOptions(): Options | string {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        install: { type: "boolean", default: false },
        "list-needs": { type: "boolean", default: false },
        root: { type: "string", default: resolve(import.meta.dir, "..") },
      },
    });
    return {
      root: values.root,
      filters: positionals,
      install: values.install,
      listNeeds: values["list-needs"],
    };
  } catch (error) {
    return `npm test: ${(error as Error).message}; it knows --install, --list-needs and parts of file paths`;
  }
}

async function runAll(options: Options, report: Report): Promise<void> {
  const paths = findTests(options.root, options.filters);
  const isUnit = (path: string): boolean => !path.startsWith("test/");
  const deadline = performance.now() + runLimitMs;
  const run = async (path: string, limitMs: number): Promise<void> => {
    if (report.isInterrupted) return;
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) {
      take(report, `${path}: not run, the whole run had its ${runLimitMs / 60_000} minutes`);
      return;
    }
    record(report, await runFile(options.root, path, Math.min(limitMs, leftMs)));
  };
  await twoAtATime(paths.filter(isUnit), (path) => run(path, unitFileLimitMs));
  for (const path of paths.filter((one) => !isUnit(one))) await run(path, processFileLimitMs);
  if (paths.length === 0) take(report, "no test file was found");
}

function findTests(root: string, filters: readonly string[]): string[] {
  const paths = [...new Bun.Glob("{src,tools,bench,test}/**/*.test.ts").scanSync({ cwd: root })].sort();
  return paths.filter(
    (path) => filters.length === 0 || filters.some((filter) => path.includes(filter.replace(/^\.\//, ""))),
  );
}

async function twoAtATime(paths: readonly string[], work: (path: string) => Promise<void>): Promise<void> {
  const queue = [...paths];
  const lane = async (): Promise<void> => {
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) await work(path);
  };
  await Promise.all([lane(), lane()]);
}

function record(report: Report, run: FileRun): void {
  const { verdict, path } = run;
  report.totals = add(report.totals, verdict);
  report.skipped.push(...skippedNames(run.stderr).map((name) => `${path}: ${name}`));
  const took = `${(run.tookMs / 1000).toFixed(1)} s`;
  if (verdict.failed === 0) {
    const skipped = verdict.skipped > 0 ? `, ${verdict.skipped} skipped` : "";
    say(`ok      ${path}  ${verdict.passed} passed${skipped}  ${took}`);
    return;
  }
  const problem = verdict.problem === undefined ? "" : `: ${verdict.problem}`;
  say(`FAILED  ${path}  ${verdict.failed} of ${verdict.passed + verdict.failed}${problem}  ${took}`);
  say(
    indent(
      run.output
        .split("\n")
        .filter((line) => !line.startsWith("(pass)"))
        .join("\n")
        .trim(),
    ),
  );
  report.failed.push(`${path}${problem}`);
}

/** A failure that no file can report itself. */
function take(report: Report, failure: string): void {
  report.totals = add(report.totals, { ...noTotals, failed: 1 });
  report.failed.push(failure);
}

function conclude(report: Report): number {
  if (report.skipped.length > 0) say(`\nskipped:\n${indent(report.skipped.join("\n"))}`);
  if (report.failed.length > 0) say(`\nfailed:\n${indent(report.failed.join("\n"))}`);
  say(`\n${totalsLine(report.totals)}`);
  return report.totals.failed > 0 ? 1 : 0;
}

/** Ctrl-C reaches us twice under npm: the first time ends the children and the run, later ones change nothing. */
function endOnSignal(report: Report): void {
  const end = (): void => {
    if (report.isInterrupted) return;
    report.isInterrupted = true;
    take(report, "interrupted");
    void endAll();
  };
  process.on("SIGINT", end);
  process.on("SIGTERM", end);
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "    ");
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

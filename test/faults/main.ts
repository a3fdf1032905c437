/**
 * `npm run faults`: what clients see when something breaks, beside HAProxy, in one run. rows.ts holds the faults and what is
 * wanted; docs/operations/failures.md quotes the result. Needs root: every machine is a network namespace.
 */
import { availableParallelism, release } from "node:os";
import { parseArgs } from "node:util";
import { findCommand } from "../support/needs.ts";
import { missingFeatures } from "./features.ts";
import { commitName, writeBetweenMarks } from "./marked-docs.ts";
import { hasMissed, lineOf, renderMarkdown, type Results } from "./report.ts";
import { type Row, rows } from "./rows.ts";
import { type RowResult, runRow } from "./run-row.ts";
import { openScene, type OpenScene } from "./scene.ts";
import { subjects, type SubjectName } from "./subject.ts";

const subjectNames = Object.keys(subjects) as readonly SubjectName[];
const usage = `npm run faults -- [options]
  --row NAME      only this fault; may be given again. One of: ${rows.map((row) => row.name).join(", ")}
  --subject NAME  only this balancer; may be given again. One of: ${subjectNames.join(", ")}
  --short         the short form that npm test runs
  --write-docs    puts the result into docs/operations/failures.md; needs all rows, all balancers, the long form`;

interface Options {
  readonly chosen: readonly Row[];
  readonly names: readonly SubjectName[];
  readonly isShort: boolean;
  readonly writeDocs: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      row: { type: "string", multiple: true, default: [] },
      subject: { type: "string", multiple: true, default: [] },
      short: { type: "boolean", default: false },
      "write-docs": { type: "boolean", default: false },
    },
  });
  for (const name of values.row)
    if (!rows.some((row) => row.name === name)) throw new Error(`no row is called ${name}`);
  for (const name of values.subject)
    if (!subjectNames.some((one) => one === name)) throw new Error(`no balancer is called ${name}`);
  const isWhole = values.row.length === 0 && values.subject.length === 0 && !values.short;
  if (values["write-docs"] && !isWhole) throw new Error("--write-docs takes all rows, all balancers and the long form");
  return {
    chosen: rows.filter((row) => values.row.length === 0 || values.row.includes(row.name)),
    names: subjectNames.filter((name) => values.subject.length === 0 || values.subject.includes(name)),
    isShort: values.short,
    writeDocs: values["write-docs"],
  };
}

function checkMachine(): void {
  if (process.getuid?.() !== 0) throw new Error("it makes network namespaces, so it needs root");
  const absent = ["ip", "nft", "haproxy"].filter((command) => findCommand(command) === undefined);
  if (absent.length > 0) throw new Error(`missing: ${absent.join(", ")}: apt-get install iproute2 nftables haproxy`);
}

async function runAll(options: Options, scene: OpenScene): Promise<Results> {
  const missing = missingFeatures(scene.folder);
  const done: RowResult[] = [];
  const skipped: { row: string; why: string }[] = [];
  for (const row of options.chosen) {
    console.log(`\n${row.name}: ${row.title}`);
    const why = row.needs === undefined ? undefined : missing.get(row.needs);
    if (why !== undefined) {
      skipped.push({ row: row.name, why });
      console.log(`  skipped: ${why}`);
      continue;
    }
    for (const name of options.names) {
      if (!row.subjects.includes(name)) continue;
      const result = await runRow(scene, row, name, options.isShort);
      done.push(result);
      console.log(lineOf(result));
    }
  }
  const haproxy = Bun.spawnSync([findCommand("haproxy") ?? "haproxy", "-v"]).stdout.toString();
  return {
    date: new Date().toISOString(),
    commit: commitName(),
    machine: `Linux ${release()}, ${availableParallelism()} cores`,
    haproxy: /HAProxy version [\d.]+/.exec(haproxy)?.[0] ?? "HAProxy of an unknown version",
    rows: options.chosen,
    done,
    skipped,
  };
}

async function main(): Promise<number> {
  let options: Options;
  try {
    options = readOptions();
    checkMachine();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
  const scene = await openScene();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    // Under npm it comes twice.
    process.on(name, () => void scene.close().then(() => process.exit(130)));
  }
  try {
    const results = await runAll(options, scene);
    if (options.writeDocs) writeBetweenMarks("figures: npm run faults -- --write-docs", renderMarkdown(results));
    const missed = results.done.filter((one) => one.subject.startsWith("ours") && one.misses.length > 0);
    console.log(
      `\n${results.done.length} runs, ${missed.length} of ours not as wanted, ${results.skipped.length} skipped`,
    );
    return hasMissed(results) ? 1 : 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  } finally {
    await scene.close();
  }
}

process.exitCode = await main();

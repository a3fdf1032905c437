/**
 * `npm run bench`: what a request costs, beside HAProxy and others, in one run.
 * README.md in this folder says how to read it; cases.ts holds what is wanted.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startBackend } from "./backend.ts";
import { runCase, type CaseResult } from "./case-run.ts";
import { cases, type BenchCase } from "./cases.ts";
import { stopAll } from "./children.ts";
import { runIdle, type IdleResult } from "./idle.ts";
import { missing, peerNames, peerTitle, versionOf, type PeerName } from "./peers.ts";
import { hasFailed, renderMarkdown, type Results } from "./report.ts";
import { projectDir, type BenchSettings } from "./settings.ts";

const usage = `npm run bench -- [options]
  --quick          ours and HAProxy only (and HAProxy against itself)
  --case NAME      only this case; may be given again. One of: ${cases.map((entry) => entry.name).join(", ")}
  --peer NAME      only this one beside HAProxy; may be given again. One of: ${peerNames.join(", ")}
  --pairs N        rounds of turns, default 9
  --seconds N      length of a turn, default 2
  --proxy-core N   core of the proxy, default 0; the other things run on --load-core, default 1
  --write-docs     puts the result into docs/performance.md; needs all cases and at least 9 pairs`;

const pairsForFigures = 9;

interface Options {
  readonly chosen: readonly BenchCase[];
  readonly peers: readonly (typeof peerNames)[number][];
  readonly pairs: number;
  readonly seconds: number;
  readonly proxyCore: number;
  readonly loadCore: number;
  readonly writeDocs: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      case: { type: "string", multiple: true, default: [] },
      peer: { type: "string", multiple: true, default: [] },
      pairs: { type: "string", default: String(pairsForFigures) },
      seconds: { type: "string", default: "2" },
      "proxy-core": { type: "string", default: "0" },
      "load-core": { type: "string", default: "1" },
      "write-docs": { type: "boolean", default: false },
    },
  });
  const wantedPeers: readonly string[] = values.quick ? ["ours", "again"] : values.peer;
  for (const name of values.case)
    if (!cases.some((entry) => entry.name === name)) throw new Error(`no case is called ${name}`);
  for (const name of wantedPeers)
    if (!peerNames.some((peer) => peer === name)) throw new Error(`no peer is called ${name}`);
  return {
    chosen: cases.filter((entry) => values.case.length === 0 || values.case.includes(entry.name)),
    peers: peerNames.filter((peer) => peer === "haproxy" || wantedPeers.length === 0 || wantedPeers.includes(peer)),
    pairs: whole("--pairs", values.pairs, 1),
    seconds: whole("--seconds", values.seconds, 1),
    proxyCore: whole("--proxy-core", values["proxy-core"], 0),
    loadCore: whole("--load-core", values["load-core"], 0),
    writeDocs: values["write-docs"],
  };
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new Error(`${name} takes a whole number from ${least} on, not "${text}"`);
  return value;
}

async function run(options: Options, settings: BenchSettings): Promise<Results> {
  const peers: (typeof peerNames)[number][] = [];
  const skipped: { peer: PeerName; why: string }[] = [];
  for (const peer of options.peers) {
    const why = await missing(peer, settings);
    if (why === undefined) peers.push(peer);
    else skipped.push({ peer, why });
  }
  for (const { peer, why } of skipped) console.log(`skipped: ${peerTitle[peer]} (${why})`);
  if (peers[0] !== "haproxy") throw new Error("without HAProxy there is nothing to compare with");

  const backend = await startBackend(
    settings,
    peers,
    options.chosen.flatMap(({ variants }) => variants ?? []),
  );
  const finished: CaseResult[] = [];
  const idle: IdleResult[] = [];
  for (const bench of options.chosen) {
    console.log(`\n${bench.name}: ${bench.title}`);
    if (bench.kind === "idle") {
      idle.push(await runIdle(bench, peers, backend, settings));
      continue;
    }
    const onTurn: Parameters<typeof runCase>[4]["onTurn"] = (turn, round) =>
      console.log(
        `  ${String(round + 1).padStart(2)} ${peerTitle[turn.peer].padEnd(20)} ${turn.cpuUs.toFixed(1).padStart(7)} µs ` +
          `${Math.round(turn.perSecond).toString().padStart(7)}/s ${turn.faults.join("; ")}`,
      );
    finished.push(
      await runCase(bench, bench.variants ?? peers, backend, settings, {
        pairs: options.pairs,
        seconds: options.seconds,
        onTurn,
      }),
    );
  }
  const tried = peers.filter((peer) => peer !== "again" && peer !== "bare");
  return {
    date: new Date().toISOString(),
    commit: commitName(),
    machine: {
      processor: cpus()[0]?.model ?? "unknown processor",
      cores: availableParallelism(),
      kernel: release(),
      system: /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "unknown system",
    },
    versions: Object.fromEntries(tried.map((peer) => [peer, versionOf(peer)])),
    pairs: options.pairs,
    seconds: options.seconds,
    skipped,
    cases: finished,
    idle,
  };
}

/** The commit, marked where the program was changed since. */
function commitName(): string {
  const git = (...words: string[]): string =>
    Bun.spawnSync(["git", "-C", projectDir, ...words])
      .stdout.toString()
      .trim();
  const commit = git("rev-parse", "--short=12", "HEAD");
  if (commit === "") return "unknown";
  return git("status", "--porcelain", "--", "src", "bench", "bin", "package.json") === ""
    ? commit
    : `${commit} with changes`;
}

/** Figures of whole runs are kept; those of partial or short ones only until the next. */
function save(results: Results, isWhole: boolean): string {
  const dir = join(projectDir, "bench/results", isWhole ? "" : "tmp");
  const name = isWhole ? `${results.date.slice(0, 16).replace(":", "")}-${results.commit.split(" ")[0]}` : "last";
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, `${name}.json`), `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(join(dir, `${name}.md`), renderMarkdown(results));
  return join("bench/results", isWhole ? "" : "tmp", name);
}

function writeDocs(results: Results): void {
  const file = join(projectDir, "docs/performance.md");
  const text = readFileSync(file, "utf8");
  const [start, end] = ["<!-- figures: npm run bench -- --write-docs -->", "<!-- end of figures -->"];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no place for figures: ${start} … ${end}`);
  writeFileSync(file, `${text.slice(0, from + start.length)}\n\n${renderMarkdown(results)}\n${text.slice(to)}`);
}

async function main(): Promise<number> {
  let options: Options;
  try {
    options = readOptions();
    if (availableParallelism() < 2 || options.proxyCore === options.loadCore) {
      throw new Error("the proxy needs a core of its own: at least two, and different ones");
    }
    for (const program of ["taskset", "wrk", "h2load", "haproxy", "nginx", "ss"]) {
      if (Bun.which(program) === null) {
        throw new Error(
          `${program} is missing: apt-get install --no-install-recommends haproxy nginx-light wrk nghttp2-client util-linux iproute2`,
        );
      }
    }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
  const isWhole =
    options.chosen.length === cases.length && options.pairs >= pairsForFigures && options.peers.includes("ours");
  if (options.writeDocs && !isWhole) {
    console.error("--write-docs takes all cases, our program and at least nine pairs");
    return 2;
  }
  const dir = mkdtempSync(join(tmpdir(), "weichensteller-bench-"));
  // nginx reads the files it serves as an unprivileged user.
  chmodSync(dir, 0o711);
  const leave = async (): Promise<void> => {
    await stopAll();
    rmSync(dir, { recursive: true, force: true });
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => void leave().then(() => process.exit(130)));
  }
  try {
    const results = await run(options, { dir, proxyCore: options.proxyCore, loadCore: options.loadCore });
    console.log(`\n${renderMarkdown(results)}\nwritten to ${save(results, isWhole)}.{json,md}`);
    if (options.writeDocs) writeDocs(results);
    return hasFailed(results) ? 1 : 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  } finally {
    await leave();
  }
}

process.exitCode = await main();

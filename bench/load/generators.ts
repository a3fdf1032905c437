import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runToEnd } from "./children.ts";
import { benchDir, type BenchSettings } from "./settings.ts";
import { quantile } from "./statistics.ts";

/** What to send. */
export interface Load {
  readonly url: string;
  readonly connections: number;
  /** File with the body that every answer must have. */
  readonly bodyFile: string;
  /** File to POST; absent: GET. */
  readonly postFile?: string;
  /** Whether the client asks for the connection to be closed after each answer. */
  readonly isClosing: boolean;
}

/** What wrk.lua reports. `verified` and what follows count only in verifying runs. */
export interface WrkResult {
  readonly requests: number;
  readonly bytes: number;
  readonly durationUs: number;
  readonly connect: number;
  readonly read: number;
  readonly write: number;
  readonly timeout: number;
  /** Answers with a status above 399. */
  readonly status: number;
  readonly verified: number;
  readonly wrongStatus: number;
  readonly wrongBody: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Closed loop, as fast as it goes. `verify` compares every body, at a cost that keeps such runs out of the figures. */
export async function runWrk(
  settings: BenchSettings,
  load: Load,
  options: { readonly seconds: number; readonly verify: boolean },
): Promise<WrkResult> {
  const command = ["wrk", "-t1", `-c${load.connections}`, `-d${options.seconds}s`, "--timeout", "10s"];
  command.push("-s", join(benchDir, "wrk.lua"), load.url, "--", options.verify ? "verify" : "load");
  command.push(load.bodyFile, load.postFile ?? "-", load.isClosing ? "close" : "keep");
  const output = await runToEnd({ name: "wrk", command, core: settings.loadCore, dir: settings.dir });
  const line = output.split("\n").find((entry) => entry.startsWith("RESULT "));
  if (line === undefined) throw new Error(`wrk reported no result: ${output}`);
  return JSON.parse(line.slice("RESULT ".length)) as WrkResult;
}

/** What an open-loop run saw. */
export interface RateResult {
  readonly requests: number;
  /** Requests without an answer of status 200. */
  readonly failed: number;
  readonly durationUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** h2load opens one connection at a time; each then sends its share of the requests. */
export const rampUsPerConnection = 1_000;

/**
 * Open loop: h2load sends at a fixed rate, whatever comes back. `rate` is requests per second over all connections.
 * One connection is opened each millisecond: opened at once, all of them would send at the same instants for ever, and
 * the figures would show the queue of 64 that this makes (seen: a median of 700 µs where 137 is right). The rate of a
 * connection must therefore not divide a millisecond evenly: 390.625/s spreads 64 of them evenly over 2.56 ms.
 */
export async function runH2load(
  settings: BenchSettings,
  load: Pick<Load, "url" | "connections">,
  options: { readonly seconds: number; readonly rate: number },
): Promise<RateResult> {
  const log = join(settings.dir, "h2load-requests.log");
  const wanted = options.rate * options.seconds;
  const command = ["h2load", "--h1", "-t1", "-c", String(load.connections), "-n", String(wanted)];
  command.push("-r", "1", "--rate-period", "1ms", "--rps", String(options.rate / load.connections));
  command.push("--log-file", log, load.url);
  rmSync(log, { force: true }); // h2load appends
  await runToEnd({ name: "h2load", command, core: settings.loadCore, dir: settings.dir });
  return readH2loadLog(readFileSync(log, "utf8"), wanted);
}

/** One line a request: start (µs since 1970), status (-1: none), microseconds to the last byte. */
export function readH2loadLog(text: string, wanted: number): RateResult {
  const rows = text
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t").map(Number));
  const good = rows.filter(([, status]) => status === 200);
  const starts = rows.map(([start = 0]) => start);
  const times = good.map(([, , time = 0]) => time).sort((a, b) => a - b);
  const [first, last] = bounds(starts);
  return {
    requests: good.length,
    failed: wanted - good.length,
    durationUs: last - first,
    p50Us: quantile(times, 0.5),
    p99Us: quantile(times, 0.99),
  };
}

/** Least and greatest, without handing 10^5 arguments to Math.min. */
function bounds(values: readonly number[]): [number, number] {
  return values.reduce<[number, number]>(
    ([least, greatest], value) => [value < least ? value : least, value > greatest ? value : greatest],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
}

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Child } from "../support/child.ts";
import { startHaproxy } from "./haproxy.ts";
import { judge, type Outcome } from "./judge.ts";
import { inPlace, type Network } from "./network.ts";
import type { Origin } from "./origins.ts";
import { startOurs } from "./ours.ts";
import { type ClientPlan, type ClientReport, wallMs } from "./records.ts";
import type { Row } from "./rows.ts";
import { listenPort, type Subject, type SubjectName } from "./subject.ts";

export const load = { getsPerSecond: 500, postsPerSecond: 50, patienceMs: 30_000 } as const;

/** The machines and endpoints that rows share. */
export interface Scene {
  readonly network: Network;
  readonly origins: readonly Origin[];
  /** Everything that is written goes below it. */
  readonly folder: string;
}

export interface RowResult {
  readonly row: string;
  readonly subject: SubjectName;
  readonly outcome: Outcome;
  /** Connections that what was killed held, where the row counts them. */
  readonly held: number | undefined;
  /** What is not as wanted; empty = as wanted. */
  readonly misses: readonly Miss[];
}

/** One thing that is not as wanted. A busy machine can be the reason of a `time`, never of a `count`. */
export interface Miss {
  readonly kind: "count" | "time";
  readonly text: string;
}

let runs = 0;

/** Runs one fault against one balancer: started anew, so that nothing of an earlier row is left. */
export async function runRow(scene: Scene, row: Row, name: SubjectName, isShort: boolean): Promise<RowResult> {
  const prefix = `r${++runs}`;
  const folder = join(scene.folder, `${prefix}-${row.name}-${name}`);
  mkdirSync(folder);
  await Promise.all(scene.origins.map((one) => one.cure()));
  const plan = { name, network: scene.network, origins: scene.origins, folder };
  const subject = await (name.startsWith("ours") ? startOurs(plan) : startHaproxy(plan));
  try {
    return await underLoad(scene, row, subject, { prefix, folder, isShort });
  } catch (error) {
    throw new Error(`${row.name}: ${error instanceof Error ? error.message : String(error)}\n${subject.output()}`, {
      cause: error,
    });
  } finally {
    for (const one of scene.origins) {
      one.thaw();
      await scene.network.heal(one.place);
    }
    await subject.stop();
  }
}

interface Run {
  readonly prefix: string;
  readonly folder: string;
  readonly isShort: boolean;
}

async function underLoad(scene: Scene, row: Row, subject: Subject, run: Run): Promise<RowResult> {
  const { network, origins } = scene;
  const clientPlan: ClientPlan = {
    ...load,
    host: network.balancer.ip,
    port: listenPort,
    prefix: run.prefix,
    file: join(run.folder, "client.json"),
  };
  const program = join(import.meta.dir, "client.ts");
  const client = new Child(inPlace(network.client, [process.execPath, program, JSON.stringify(clientPlan)]));
  let held: number | undefined;
  const window = { fromMs: 0, toMs: 0 };
  try {
    await client.until("the client sends", () => client.stdout.includes("sending"));
    await Bun.sleep(run.isShort ? 700 : 1500);
    const victim = origins[1] ?? origins[0]!; // there are always some
    window.fromMs = wallMs();
    const flow = (fullMs: number, shortMs: number): Promise<void> => Bun.sleep(run.isShort ? shortMs : fullMs);
    held = (await row.run({ network, origins, victim, subject, isShort: run.isShort, flow })) ?? undefined;
    window.toMs = wallMs();
    client.signal("SIGUSR2");
    const code = await client.exited(load.patienceMs * 2 + 10_000);
    if (code !== 0) throw new Error(`the client ended with ${code}:\n${client.output}`);
  } finally {
    await client.stop();
  }
  const report = JSON.parse(readFileSync(clientPlan.file, "utf8")) as ClientReport;
  const executed = origins.flatMap((one) => one.executed()).filter((line) => line.includes(` ${run.prefix}-`));
  const outcome = judge(report, executed, window);
  return { row: row.name, subject: subject.name, outcome, held, misses: missesOf(row, outcome, held) };
}

/** What of an outcome is not as the row wants it. */
export function missesOf(row: Row, outcome: Outcome, held?: number): readonly Miss[] {
  const { failed, stallMs, slowestMs, getsOnce } = row.wanted;
  const misses: Miss[] = [];
  const most = (what: string, value: number, bound: number, kind: Miss["kind"] = "count"): void => {
    if (value > bound) misses.push({ kind, text: `${what}: ${Math.round(value)}, at most ${bound}` });
  };
  most("POSTs executed twice", outcome.postsTwice, 0);
  most("POSTs acknowledged and not executed", outcome.postsLost, 0);
  most("answers to another request", outcome.kinds.wrong ?? 0, 0);
  if (failed === "none") most("GETs failed", outcome.getsFailed, 0);
  if (failed === "held") {
    most("GETs failed", outcome.getsFailed, held ?? 0);
    most("GETs failed twice", outcome.getsFailedAgain, 0);
  }
  if (failed === "cut") most("GETs failed otherwise than cut", outcome.getsFailed - (outcome.kinds.cut ?? 0), 0);
  if (getsOnce === true) most("GETs executed twice", outcome.getsTwice, 0);
  if (stallMs !== undefined) most("longest stall in ms", outcome.stallMs, stallMs, "time");
  if (slowestMs !== undefined) most("slowest GET in ms", outcome.slowestMs, slowestMs, "time");
  return misses;
}

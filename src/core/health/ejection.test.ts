import { describe, expect, test } from "bun:test";
import type { PassiveConfig } from "../../model/config.ts";
import type { TroubleCounts } from "../../model/link.ts";
import { type EjectionState, ejectionStep, notEjected } from "./ejection.ts";

const config: PassiveConfig = { failures: 3, withinMs: 10_000, ejectMs: 5_000, ejectMaxMs: 60_000, share: 0.5 };

interface Report {
  readonly atMs: number;
  /** `c` connect, `r` reset, `t` timeout, `b` bad response, `5` status 5xx, `o` overdue; absent: a check passed. */
  readonly signs?: string;
  /** Good answers since the start. */
  readonly good?: number;
}

function counts(signs: string): TroubleCounts {
  return ["c", "r", "t", "b", "5", "o"].map((sign) => signs.split(sign).length - 1) as unknown as TroubleCounts;
}

function run(
  reports: readonly Report[],
  {
    pool = { size: 4, out: 0 },
    passive = config,
    from = notEjected,
  }: {
    pool?: { size: number; out: number };
    passive?: PassiveConfig;
    from?: EjectionState;
  } = {},
): { state: EjectionState; steps: string } {
  let state = from;
  const steps: string[] = [];
  for (const { atMs, signs, good = 0 } of reports) {
    const event =
      signs === undefined
        ? ({ kind: "check-passed", nowMs: atMs } as const)
        : ({ kind: "trouble", nowMs: atMs, counts: counts(signs), goodAnswers: good, pool } as const);
    const outcome = ejectionStep(state, event, passive);
    state = outcome.state;
    steps.push(outcome.why);
  }
  return { state, steps: steps.join(" ") };
}

const rows: readonly {
  readonly name: string;
  readonly reports: readonly Report[];
  readonly options?: Parameters<typeof run>[1];
  readonly steps: string;
}[] = [
  { name: "one failure less than `failures` is counted", reports: [{ atMs: 0, signs: "cc" }], steps: "counted" },
  { name: "exactly `failures` eject", reports: [{ atMs: 0, signs: "crt" }], steps: "ejected" },
  {
    name: "failures add up over reports",
    reports: [
      { atMs: 0, signs: "c" },
      { atMs: 20, signs: "b" },
      { atMs: 40, signs: "5" },
    ],
    steps: "counted counted ejected",
  },
  {
    name: "a failure as old as `within` does not count any more",
    reports: [
      { atMs: 0, signs: "c" },
      { atMs: 5_000, signs: "c" },
      { atMs: 10_000, signs: "c" },
    ],
    steps: "counted counted counted",
  },
  {
    name: "one a millisecond younger does",
    reports: [
      { atMs: 0, signs: "c" },
      { atMs: 5_000, signs: "c" },
      { atMs: 9_999, signs: "c" },
    ],
    steps: "counted counted ejected",
  },
  {
    name: "an overdue answer is no failure",
    reports: [{ atMs: 0, signs: "oooo" }],
    steps: "ignored",
  },
  {
    name: "as many good answers as failures eject",
    reports: [
      { atMs: 0, signs: "5", good: 100 },
      { atMs: 100, signs: "5", good: 101 },
      { atMs: 200, signs: "5", good: 103 },
    ],
    steps: "counted counted ejected",
  },
  {
    name: "one good answer more does not: an endpoint where few requests fail stays in",
    reports: [
      { atMs: 0, signs: "5", good: 100 },
      { atMs: 100, signs: "5", good: 102 },
      { atMs: 200, signs: "5", good: 104 },
    ],
    steps: "counted counted counted",
  },
  {
    name: "good answers before the first failure do not help",
    reports: [{ atMs: 0, signs: "555", good: 1_000_000 }],
    steps: "ejected",
  },
  {
    name: "old failures among good answers do not hide that everything fails now",
    reports: [
      { atMs: 0, signs: "5", good: 0 },
      { atMs: 9_000, signs: "555", good: 9_000 },
    ],
    steps: "counted ejected",
  },
  {
    name: "by status: half of the pool may be out",
    reports: [{ atMs: 0, signs: "555" }],
    options: { pool: { size: 4, out: 1 } },
    steps: "ejected",
  },
  {
    name: "by status: not more than half",
    reports: [{ atMs: 0, signs: "555" }],
    options: { pool: { size: 4, out: 2 } },
    steps: "too-many-out",
  },
  {
    name: "by status: half of three is one",
    reports: [{ atMs: 0, signs: "555" }],
    options: { pool: { size: 3, out: 1 } },
    steps: "too-many-out",
  },
  {
    name: "by status: the only endpoint of a pool stays",
    reports: [{ atMs: 0, signs: "555" }],
    options: { pool: { size: 1, out: 0 } },
    steps: "too-many-out",
  },
  {
    name: "by status: share 100 % takes the last one too",
    reports: [{ atMs: 0, signs: "555" }],
    options: { pool: { size: 1, out: 0 }, passive: { ...config, share: 1 } },
    steps: "ejected",
  },
  {
    name: "by status: share 0 ejects nobody",
    reports: [{ atMs: 0, signs: "555" }],
    options: { pool: { size: 100, out: 0 }, passive: { ...config, share: 0 } },
    steps: "too-many-out",
  },
  {
    name: "one status too few without valid answers is still by status",
    reports: [{ atMs: 0, signs: "cc5" }],
    options: { pool: { size: 2, out: 1 } },
    steps: "too-many-out",
  },
  {
    name: "failures without an answer know no share",
    reports: [{ atMs: 0, signs: "ccc5" }],
    options: { pool: { size: 1, out: 0 } },
    steps: "ejected",
  },
  {
    name: "what was too many is ejected when another one is back",
    reports: [{ atMs: 0, signs: "555" }],
    options: { from: run([{ atMs: 0, signs: "555" }], { pool: { size: 2, out: 1 } }).state },
    steps: "ejected",
  },
  {
    name: "signs about an ejected endpoint say nothing new",
    reports: [
      { atMs: 0, signs: "ccc" },
      { atMs: 1, signs: "ccc" },
    ],
    steps: "ejected ignored",
  },
  {
    name: "a check that passes too early changes nothing, the first after the time does",
    reports: [{ atMs: 0, signs: "ccc" }, { atMs: 4_999 }, { atMs: 5_000 }],
    steps: "ejected ignored returned",
  },
  { name: "a check that passes at an endpoint that is in", reports: [{ atMs: 0 }], steps: "ignored" },
  {
    name: "failures 1: the first one ejects",
    reports: [{ atMs: 0, signs: "r" }],
    options: { passive: { ...config, failures: 1 } },
    steps: "ejected",
  },
];

describe("ejection", () => {
  for (const { name, reports, options, steps } of rows) {
    test(name, () => expect(run(reports, options).steps).toBe(steps));
  }

  test("each time in a row is twice as long, up to the longest", () => {
    let state = notEjected;
    let nowMs = 0;
    const durations: number[] = [];
    for (let time = 0; time < 6; time++) {
      state = run([{ atMs: nowMs, signs: "ccc" }], { from: state }).state;
      const { durationMs, untilMs } = state.ejected!; // three failed connects eject
      durations.push(durationMs);
      nowMs = untilMs;
      state = run([{ atMs: nowMs }], { from: state }).state;
    }
    expect(durations).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
    const justBefore = run([{ atMs: nowMs + 59_999, signs: "ccc" }], { from: state }).state;
    expect(justBefore.ejected?.durationMs).toBe(60_000);
    const after = run([{ atMs: nowMs + 60_000, signs: "ccc" }], { from: state }).state;
    expect(after.ejected?.durationMs).toBe(5_000);
  });
});

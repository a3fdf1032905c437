import { describe, expect, test } from "bun:test";
import type { HealthConfig } from "../../model/config.ts";
import { type CheckState, CheckStep, firstCheckInMs, initialCheckState, step } from "./check-state.ts";

const base: HealthConfig = {
  check: { kind: "tcp" },
  intervalMs: 2000,
  fastIntervalMs: 200,
  timeoutMs: 1000,
  rise: 2,
  fall: 3,
  jitter: 0,
  initial: "up",
};

interface Row {
  readonly name: string;
  readonly config?: Partial<HealthConfig>;
  /** `+` passed, `d` passed and asks for DRAIN, `-` failed, `t` trouble, `c` configuration changed, `l` a failure of a check that is gone. */
  readonly events: string;
  /** After each event, the step; UP or DOWN at the end. */
  readonly steps: string;
  readonly ends: string;
  /** Wait asked for by the last event. */
  readonly waitMs: number | undefined;
}

const rows: readonly Row[] = [
  {
    name: "a passed check confirms UP",
    events: "+",
    steps: "confirmed",
    ends: "UP rise",
    waitMs: 2000,
  },
  {
    name: "one failure of three only makes checks fast",
    events: "-",
    steps: "falling",
    ends: "UP initial",
    waitMs: 200,
  },
  {
    name: "one failure less than fall stays UP",
    events: "+--",
    steps: "confirmed falling falling",
    ends: "UP rise",
    waitMs: 200,
  },
  {
    name: "fall reached exactly is DOWN",
    events: "+---",
    steps: "confirmed falling falling fell-to-down",
    ends: "DOWN fall",
    waitMs: 2000,
  },
  {
    name: "fall 1: the first failure is DOWN",
    config: { fall: 1 },
    events: "-",
    steps: "fell-to-down",
    ends: "DOWN fall",
    waitMs: 2000,
  },
  {
    name: "a success between failures starts the count again",
    events: "--+--",
    steps: "falling falling confirmed falling falling",
    ends: "UP rise",
    waitMs: 200,
  },
  {
    name: "a failure between successes starts the rise again",
    events: "---+-+",
    steps: "falling falling fell-to-down rising confirmed rising",
    ends: "DOWN fall",
    waitMs: 200,
  },
  {
    name: "rise reached exactly is UP",
    events: "---++",
    steps: "falling falling fell-to-down rising rose-to-up",
    ends: "UP rise",
    waitMs: 2000,
  },
  {
    name: "rise 1: the first success is UP",
    config: { rise: 1, fall: 1 },
    events: "-+",
    steps: "fell-to-down rose-to-up",
    ends: "UP rise",
    waitMs: 2000,
  },
  {
    name: "rise 1 and fall 1 follow every check",
    config: { rise: 1, fall: 1 },
    events: "-+-+-",
    steps: "fell-to-down rose-to-up fell-to-down rose-to-up fell-to-down",
    ends: "DOWN fall",
    waitMs: 2000,
  },
  {
    name: "initial down: the first passed check is enough",
    config: { initial: "down" },
    events: "+",
    steps: "rose-to-up",
    ends: "UP rise",
    waitMs: 2000,
  },
  {
    name: "initial down: after fall failures it is DOWN by checks",
    config: { initial: "down" },
    events: "---",
    steps: "confirmed confirmed confirmed",
    ends: "DOWN fall",
    waitMs: 2000,
  },
  {
    name: "initial down: after a failure rise counts",
    config: { initial: "down" },
    events: "-+",
    steps: "confirmed rising",
    ends: "DOWN initial",
    waitMs: 200,
  },
  {
    name: "trouble asks for a check at once",
    events: "+t",
    steps: "confirmed doubt",
    ends: "UP rise",
    waitMs: 0,
  },
  {
    name: "after trouble, as many checks as fall are fast",
    events: "t++",
    steps: "doubt confirmed confirmed",
    ends: "UP rise",
    waitMs: 200,
  },
  {
    name: "and then no longer",
    events: "t+++",
    steps: "doubt confirmed confirmed confirmed",
    ends: "UP rise",
    waitMs: 2000,
  },
  {
    name: "trouble alone never takes an endpoint DOWN",
    events: "tttt",
    steps: "doubt doubt doubt doubt",
    ends: "UP initial",
    waitMs: 0,
  },
  {
    name: "trouble at a DOWN endpoint is ignored",
    events: "---t",
    steps: "falling falling fell-to-down ignored",
    ends: "DOWN fall",
    waitMs: undefined,
  },
  {
    name: "a late result after a change of configuration is dropped",
    events: "--cl",
    steps: "falling falling reconfigured late",
    ends: "UP initial",
    waitMs: undefined,
  },
  {
    name: "a change of configuration keeps DOWN and asks for a check",
    events: "---c",
    steps: "falling falling fell-to-down reconfigured",
    ends: "DOWN fall",
    waitMs: 0,
  },
  {
    name: "who asks to be drained is drained at the first answer",
    events: "+d",
    steps: "confirmed confirmed",
    ends: "UP rise drain",
    waitMs: 2000,
  },
  {
    name: "and is back with the first answer that does not ask",
    events: "+d+",
    steps: "confirmed confirmed confirmed",
    ends: "UP rise",
    waitMs: 2000,
  },
  {
    name: "a failure while draining leaves it draining",
    events: "d-",
    steps: "confirmed falling",
    ends: "UP rise drain",
    waitMs: 200,
  },
  {
    name: "an endpoint that is DOWN and asks to be drained has to rise first",
    config: { fall: 1 },
    events: "-dd",
    steps: "fell-to-down rising rose-to-up",
    ends: "UP rise drain",
    waitMs: 2000,
  },
  {
    name: "a change of configuration starts the count again",
    events: "--c-",
    steps: "falling falling reconfigured falling",
    ends: "UP initial",
    waitMs: 200,
  },
];

describe("check state", () => {
  for (const row of rows) {
    test(row.name, () => {
      const config = { ...base, ...row.config };
      let state = initialCheckState(config);
      const steps: string[] = [];
      let waitMs: number | undefined;
      for (const letter of row.events) {
        const outcome = step(state, eventOf(letter, state), config);
        state = outcome.state;
        steps.push(outcome.why);
        waitMs = outcome.nextCheckInMs;
      }
      expect(steps.join(" ")).toBe(row.steps);
      expect(`${state.isUp ? "UP" : "DOWN"} ${state.why}${state.asksDrain ? " drain" : ""}`).toBe(row.ends);
      expect(waitMs).toBe(row.waitMs);
    });
  }
});

function eventOf(letter: string, state: CheckState): Parameters<typeof step>[1] {
  const check = { at: 1, isOk: letter === "+" || letter === "d", evidence: letter, durationMs: 0 };
  if (letter === "t") return { kind: "trouble", sinceCheckMs: Infinity };
  if (letter === "c") return { kind: "reconfigured", random: 0 };
  return {
    kind: "result",
    generation: letter === "l" ? state.generation - 1 : state.generation,
    check,
    asksDrain: letter === "d",
    random: 0.5,
  };
}

describe("waits", () => {
  const jittered = { ...base, jitter: 0.1 };
  const wait = (random: number): number | undefined =>
    step(
      initialCheckState(base),
      {
        kind: "result",
        generation: 0,
        check: { at: 0, isOk: true, evidence: "", durationMs: 0 },
        asksDrain: false,
        random,
      },
      jittered,
    ).nextCheckInMs;

  test("jitter goes to both sides of the interval", () => {
    expect(wait(0)).toBeCloseTo(1800);
    expect(wait(0.5)).toBeCloseTo(2000);
    expect(wait(0.999)).toBeLessThan(2200);
    expect(wait(0.999)).toBeGreaterThan(2199);
  });

  test("first checks are spread over the fast interval", () => {
    expect(firstCheckInMs(base, 0)).toBe(0);
    expect(firstCheckInMs(base, 0.75)).toBe(150);
  });

  for (const [durationMs, waitMs] of [
    [0, 200],
    [150, 50],
    [200, 0],
    [1000, 0],
  ] as const) {
    test(`a check that fails after ${durationMs} ms is followed by a fast one after ${waitMs} ms`, () => {
      const check = { at: 0, isOk: false, evidence: "", durationMs };
      const event = { kind: "result", generation: 0, check, asksDrain: false, random: 0.5 } as const;
      expect(step(initialCheckState(base), event, base).nextCheckInMs).toBe(waitMs);
    });
  }

  for (const [sinceCheckMs, waitMs] of [
    [0, 200],
    [199, 1],
    [200, 0],
    [5000, 0],
  ] as const) {
    test(`trouble ${sinceCheckMs} ms after a check began waits ${waitMs} ms`, () => {
      const outcome = step(initialCheckState(base), { kind: "trouble", sinceCheckMs }, base);
      expect(outcome).toMatchObject({ why: CheckStep.Doubt, nextCheckInMs: waitMs });
    });
  }
});

import type { Network } from "./network.ts";
import type { OriginMode } from "./origin-mode.ts";
import type { Origin } from "./origins.ts";
import type { Subject, SubjectName } from "./subject.ts";

/** What a fault may do. POSTs are never executed twice and never acknowledged without having been executed. */
export interface Wanted {
  /**
   * GETs that may fail. `held`: as many as the killed workers held, and none for a client that tries once more.
   * `cut`: only answers that reach the client visibly cut short.
   */
  readonly failed: "none" | "held" | "cut";
  /** Bound of the time without any success. */
  readonly stallMs?: number;
  /** Bound of the slowest GET that succeeded. */
  readonly slowestMs?: number;
  /** No GET may be executed twice either. */
  readonly getsOnce?: true;
}

/** Where and when a fault happens. */
export interface Stage {
  readonly network: Network;
  readonly origins: readonly Origin[];
  /** The one it happens to. */
  readonly victim: Origin;
  readonly subject: Subject;
  /** The short form for `npm test`. */
  readonly isShort: boolean;
  /** Lets traffic flow: the first time in the whole table, the second in the short form. */
  flow(fullMs: number, shortMs: number): Promise<void>;
}

export interface Row {
  readonly name: string;
  readonly title: string;
  readonly wanted: Wanted;
  readonly subjects: readonly SubjectName[];
  /** What this version must know for it; absent: nothing special. */
  readonly needs?: Feature;
  /**
   * Lets it happen, holds it, heals it. Returns how many connections were in the hands of what was killed, where the
   * row's `wanted` asks for it.
   */
  run(stage: Stage): Promise<number | void>;
}

export type Feature = "drain" | "upgrade" | "adoption" | "passive";

/** A little more than what a machine with other work does to a request; the row "nothing" shows how much it is. */
const noStallMs = 50;
const connectMs = 300;
const attemptMs = 1000;
const slackMs = 100;

const all: readonly SubjectName[] = ["ours", "deployed", "tuned", "tuned-posts"];
const ours: readonly SubjectName[] = ["ours"];

const killed: Row = {
  name: "killed",
  title: "endpoint killed, started again after 3 s",
  wanted: { failed: "none", stallMs: noStallMs, slowestMs: noStallMs },
  subjects: all,
  async run({ victim, flow }) {
    await victim.kill();
    await flow(3000, 1000);
    await victim.start();
    await flow(3000, 1000);
  },
};

const drainedByCheck: Row = {
  name: "drained-by-check",
  title: "endpoint drained by its health check, then killed and started again",
  wanted: { failed: "none", stallMs: noStallMs, slowestMs: noStallMs },
  subjects: all,
  async run({ victim, flow }) {
    await victim.behave({ check: "fails" });
    await untilQuiet(victim, 15_000);
    await victim.kill();
    await victim.start();
    await flow(2000, 500);
  },
};

const drained: Row = {
  name: "drained",
  title: "endpoint drained by command, then killed and started again",
  wanted: { failed: "none", stallMs: noStallMs, slowestMs: noStallMs },
  subjects: all,
  needs: "drain",
  async run({ victim, subject, flow }) {
    await subject.drain(victim.name);
    await untilQuiet(victim, 5000);
    await victim.kill();
    await victim.start();
    await subject.ready(victim.name);
    await flow(2000, 500);
  },
};

const portClosed: Row = {
  name: "port-closed",
  title: "endpoint's port closed for 3 s",
  wanted: { failed: "none", stallMs: noStallMs, slowestMs: noStallMs },
  subjects: all,
  async run({ victim, flow }) {
    await victim.behave({ isListening: false });
    await flow(3000, 1000);
    await victim.behave({});
    await flow(2000, 500);
  },
};

const cut: Row = {
  name: "cut",
  title: "endpoint cut off (frames dropped) for 8 s",
  // A request over a connection that stood before may wait for the attempt's time-out, which is longer.
  wanted: { failed: "none", stallMs: connectMs + slackMs, slowestMs: attemptMs + slackMs },
  subjects: all,
  async run({ network, victim, flow }) {
    await network.cut(victim.place);
    await flow(8000, 3000);
    await network.heal(victim.place);
    await flow(2000, 500);
  },
};

const frozen: Row = {
  name: "frozen",
  title: "endpoint frozen (SIGSTOP), thawed after 8 s",
  wanted: { failed: "none", stallMs: attemptMs + slackMs, slowestMs: attemptMs + slackMs },
  subjects: all,
  // Without them one attempt after the other waits for its time-out until the checks have decided, and the budget ends.
  needs: "passive",
  async run({ victim, flow }) {
    victim.freeze();
    await flow(8000, 4000);
    victim.thaw();
    await flow(2000, 500);
  },
};

const frozenDefault: Row = {
  ...frozen,
  name: "frozen-default",
  title: "the same with attemptTimeout off",
  wanted: { failed: "none", stallMs: 4000, slowestMs: 4000 },
  subjects: ["ours-default"],
  async run({ victim, flow }) {
    victim.freeze();
    // In the short form as well: the bound is 4 s.
    await flow(8000, 6000);
    victim.thaw();
    await flow(2000, 500);
  },
};

const stuck: Row = {
  name: "stuck",
  title: "2 % of one endpoint's GETs take 20 s",
  wanted: { failed: "none", getsOnce: true },
  subjects: ["ours-default", "deployed", "tuned", "tuned-posts"],
  async run({ victim, isShort, flow }) {
    await victim.behave({ stuckEach: 50, stuckMs: isShort ? 5000 : 20_000 });
    await flow(8000, 3000);
    await victim.behave({});
  },
};

type BadAnswer = Exclude<OriginMode["answer"], "ok">;

function badAnswer(answer: BadAnswer, check: "as requests" | "passes"): Row {
  const passes = check === "passes";
  return {
    name: `${answer.replaceAll(" ", "-")}${passes ? "-unchecked" : ""}`,
    title: `endpoint answers ${answer === "reset" ? "with resets" : answer}${passes ? ", its check passes" : ""}`,
    wanted: { failed: "none", stallMs: noStallMs, slowestMs: noStallMs },
    subjects: all,
    // Without them the retries of one endpoint of three last until the budget ends.
    needs: "passive",
    async run({ victim, flow }) {
      await victim.behave({ answer, check });
      await flow(4000, 1500);
      await victim.behave({});
      await flow(1000, 300);
    },
  };
}

const halfBody: Row = {
  ...badAnswer("half a body", "as requests"),
  name: "half-a-body",
  title: "endpoint breaks its answers off in the body",
  wanted: { failed: "cut", stallMs: noStallMs },
};

const allSlow: Row = {
  name: "all-slow",
  title: "all endpoints ten times slower for 5 s",
  wanted: { failed: "none" },
  subjects: all,
  async run({ origins, flow }) {
    for (const one of origins) await one.behave({ serviceMs: 50 });
    await flow(5000, 1500);
    for (const one of origins) await one.behave({});
    await flow(1000, 300);
  },
};

const workerKilled: Row = {
  name: "worker-killed",
  title: "worker killed, ten times",
  wanted: { failed: "held", stallMs: noStallMs },
  subjects: ours,
  async run({ subject, isShort, flow }) {
    let held = 0;
    for (let time = 0; time < (isShort ? 4 : 10); time++) {
      held += (await subject.ours?.killWorker(time % 2)) ?? 0;
      await flow(400, 200);
    }
    return held;
  },
};

const supervisorKilled: Row = {
  name: "supervisor-killed",
  title: "supervisor killed, started again",
  wanted: { failed: "none", stallMs: 20, slowestMs: noStallMs },
  subjects: ours,
  needs: "adoption",
  async run({ subject, flow }) {
    await subject.ours?.killSupervisor();
    await flow(2000, 1000);
    await subject.ours?.startSupervisor();
    await flow(1000, 500);
    // Adopted workers obey: one that was left alone would go on with the old revision.
    await subject.reload();
    await flow(1000, 300);
  },
};

const reloads: Row = {
  name: "reloads",
  title: "20 reloads",
  wanted: { failed: "none", stallMs: noStallMs, slowestMs: noStallMs },
  subjects: ["ours", "deployed"],
  async run({ subject, isShort, flow }) {
    for (let time = 0; time < (isShort ? 8 : 20); time++) {
      await subject.reload();
      await flow(150, 50);
    }
  },
};

const upgrades: Row = {
  name: "upgrades",
  title: "5 upgrades",
  wanted: { failed: "none", stallMs: noStallMs, slowestMs: noStallMs },
  subjects: ours,
  needs: "upgrade",
  async run({ subject, isShort, flow }) {
    for (let time = 0; time < (isShort ? 2 : 5); time++) {
      await subject.ours?.upgrade();
      await flow(500, 300);
    }
  },
};

export const rows: readonly Row[] = [
  {
    name: "nothing",
    title: "nothing (what the machine itself does)",
    wanted: { failed: "none", stallMs: noStallMs, slowestMs: noStallMs, getsOnce: true },
    subjects: all,
    run: ({ flow }) => flow(4000, 1000),
  },
  killed,
  drainedByCheck,
  drained,
  portClosed,
  cut,
  frozen,
  frozenDefault,
  stuck,
  ...(["503", "reset", "half a head", "garbage"] as const).flatMap((answer) => [
    badAnswer(answer, "as requests"),
    badAnswer(answer, "passes"),
  ]),
  halfBody,
  allSlow,
  workerKilled,
  supervisorKilled,
  reloads,
  upgrades,
];

/** Waits until an endpoint got no request for a quarter of a second, at most `limitMs`. */
async function untilQuiet(origin: Origin, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  let seen = origin.executed().length;
  let quietSince = performance.now();
  while (performance.now() < deadline && performance.now() - quietSince < 250) {
    await Bun.sleep(50);
    const now = origin.executed().length;
    if (now !== seen) quietSince = performance.now();
    seen = now;
  }
}

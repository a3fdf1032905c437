import { describe, expect, test } from "bun:test";
import { type Deadline, never, TimerWheel } from "./timer-wheel.ts";

function entry(fire: (nowMs: number) => void): Deadline {
  return {
    deadlineMs: never,
    wheelSlot: -1,
    wheelMeetsMs: 0,
    wheelPrevious: null,
    wheelNext: null,
    onDeadline: fire,
  };
}

function wheelAt(nowMs: number): TimerWheel {
  return new TimerWheel({ nowMs, tickMs: 10, slots: 8 });
}

describe("a deadline", () => {
  for (const [name, deadlineMs, firesAtMs] of [
    ["fires at its tick", 50, 50],
    ["between two ticks fires at the later one", 51, 60],
    ["in the past fires at the next tick", -5, 10],
    ["farther away than the wheel is long is met more than once, and fires in time", 1000, 1000],
    ["exactly one turn ahead", 80, 80],
  ] as const) {
    test(name, () => {
      const wheel = wheelAt(0);
      const fired: number[] = [];
      wheel.schedule(
        entry((now) => fired.push(now)),
        deadlineMs,
      );
      for (let now = 10; now <= 1200; now += 10) wheel.advance(now);
      expect(fired).toEqual([firesAtMs]);
      expect(wheel.count).toBe(0);
    });
  }

  test("moved later fires only then", () => {
    const wheel = wheelAt(0);
    const fired: number[] = [];
    const one = entry((now) => fired.push(now));
    wheel.schedule(one, 20);
    wheel.schedule(one, 70);
    for (let now = 10; now <= 200; now += 10) wheel.advance(now);
    expect(fired).toEqual([70]);
  });

  test("moved earlier fires earlier", () => {
    const wheel = wheelAt(0);
    const fired: number[] = [];
    const one = entry((now) => fired.push(now));
    wheel.schedule(one, 70);
    wheel.schedule(one, 20);
    for (let now = 10; now <= 200; now += 10) wheel.advance(now);
    expect(fired).toEqual([20]);
  });

  test("cancelled, then set anew fires once", () => {
    const wheel = wheelAt(0);
    const fired: number[] = [];
    const one = entry((now) => fired.push(now));
    wheel.schedule(one, 20);
    wheel.cancel(one);
    wheel.schedule(one, 40);
    for (let now = 10; now <= 200; now += 10) wheel.advance(now);
    expect(fired).toEqual([40]);
  });

  test("removed does not fire and is not held", () => {
    const wheel = wheelAt(0);
    const one = entry(() => expect.unreachable());
    wheel.schedule(one, 20);
    wheel.remove(one);
    expect(wheel.count).toBe(0);
    wheel.advance(500);
  });
});

test("a callback may remove and schedule its neighbours in the same slot", () => {
  const wheel = wheelAt(0);
  const fired: string[] = [];
  const victim = entry(() => fired.push("victim"));
  const again: Deadline = entry((now) => {
    fired.push("again");
    if (fired.length < 4) wheel.schedule(again, now + 10);
  });
  const killer = entry(() => {
    fired.push("killer");
    wheel.remove(victim);
  });
  wheel.schedule(victim, 20);
  wheel.schedule(again, 20);
  wheel.schedule(killer, 20);
  for (let now = 10; now <= 100; now += 10) wheel.advance(now);
  expect(fired).toEqual(["killer", "again", "again", "again"]);
});

test("a stop of the process longer than a turn loses nothing", () => {
  const wheel = wheelAt(0);
  const fired: number[] = [];
  for (let deadlineMs = 5; deadlineMs <= 500; deadlineMs += 5) {
    wheel.schedule(
      entry(() => fired.push(deadlineMs)),
      deadlineMs,
    );
  }
  wheel.advance(10_000);
  expect(fired.length).toBe(100);
});

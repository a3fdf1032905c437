import { describe, expect, test } from "bun:test";
import { RetryBudget } from "./retry-budget.ts";

function takeAll(budget: RetryBudget, nowMs: number): number {
  let taken = 0;
  while (taken < 10_000 && budget.take(nowMs)) taken++;
  return taken;
}

function countAt(budget: RetryBudget, nowMs: number, exchanges: number): void {
  for (let count = 0; count < exchanges; count++) budget.count(nowMs);
}

const start = 1_000_000;

describe("retry budget", () => {
  test("a new one holds its burst and no more", () => {
    expect(takeAll(new RetryBudget({ share: 0.2, minPerSecond: 10, burst: 100 }), start)).toBe(100);
  });

  test("nothing at all: no paid retry ever", () => {
    const budget = new RetryBudget({ share: 0, minPerSecond: 0, burst: 0 });
    countAt(budget, start, 1000);
    expect([takeAll(budget, start), takeAll(budget, start + 60_000)]).toEqual([0, 0]);
  });

  test("the least rate holds without any exchanges", () => {
    const budget = new RetryBudget({ share: 0.2, minPerSecond: 10, burst: 100 });
    takeAll(budget, start);
    expect([takeAll(budget, start + 1000), takeAll(budget, start + 3000)]).toEqual([10, 20]);
  });

  test("it never saves up more than the burst", () => {
    const budget = new RetryBudget({ share: 0.2, minPerSecond: 10, burst: 100 });
    takeAll(budget, start);
    expect(takeAll(budget, start + 3_600_000)).toBe(100);
  });

  test("the share is that of the exchanges of the last ten seconds", () => {
    const budget = new RetryBudget({ share: 0.2, minPerSecond: 0, burst: 1000 });
    takeAll(budget, start);
    for (let second = 0; second < 10; second++) countAt(budget, start + second * 1000, 100);
    // 1 000 exchanges in 10 s: 100/s, and a fifth of it for each of the 9 seconds.
    expect(takeAll(budget, start + 9000)).toBe(180);
    expect(takeAll(budget, start + 9500)).toBe(10);
  });

  test("exchanges are forgotten after ten seconds, also when nothing happened in between", () => {
    for (const pauseMs of [10_000, 11_000, 19_000, 1_000_000]) {
      const budget = new RetryBudget({ share: 1, minPerSecond: 0, burst: 1_000 });
      takeAll(budget, start);
      countAt(budget, start, 500);
      budget.take(start + pauseMs);
      expect(takeAll(budget, start + pauseMs)).toBe(0);
    }
  });

  test("the larger of share and least rate counts, not their sum", () => {
    const budget = new RetryBudget({ share: 0.1, minPerSecond: 10, burst: 1000 });
    takeAll(budget, start);
    countAt(budget, start, 2000);
    // A tenth of 200/s is 20/s.
    expect(takeAll(budget, start + 1000)).toBe(20);
  });

  test("a burst below one never lets a retry through: who divides a budget must leave at least one", () => {
    expect(takeAll(new RetryBudget({ share: 1, minPerSecond: 100, burst: 0.5 }), start + 60_000)).toBe(0);
  });

  test("a clock that stands still or goes back fills nothing", () => {
    const budget = new RetryBudget({ share: 0, minPerSecond: 10, burst: 10 });
    takeAll(budget, start);
    expect([takeAll(budget, start), takeAll(budget, start - 5000)]).toEqual([0, 0]);
  });
});

import { describe, expect, test } from "bun:test";
import { judge } from "./judge.ts";
import type { ClientReport, Pause, RequestRecord } from "./records.ts";
import { rows } from "./rows.ts";
import { missesOf } from "./run-row.ts";

const window = { fromMs: 1000, toMs: 2000 };

function request(change: Partial<RequestRecord>): RequestRecord {
  return {
    id: "r-1",
    method: "GET",
    isKept: true,
    startMs: 1500,
    endMs: 1505,
    status: 200,
    failure: undefined,
    failedAgain: false,
    ...change,
  };
}

function report(requests: readonly RequestRecord[], pauses: readonly Pause[] = []): ClientReport {
  return { requests, pauses };
}

describe("judge", () => {
  const post = (change: Partial<RequestRecord>): RequestRecord => request({ id: "r-p1", method: "POST", ...change });
  const failed = { status: 502, failure: "status" } as const;
  const cases: readonly (readonly [string, RequestRecord, readonly string[], object])[] = [
    ["a GET that is answered", request({}), ["GET r-1"], { gets: 1, getsFailed: 0, getsTwice: 0, posts: 0 }],
    ["a GET that is executed twice", request({}), ["GET r-1", "GET r-1"], { getsFailed: 0, getsTwice: 1 }],
    ["a GET that fails once", request(failed), [], { getsFailed: 1, getsFailedAgain: 0, kinds: { status: 1 } }],
    ["a GET that fails twice", request({ ...failed, failedAgain: true }), [], { getsFailed: 1, getsFailedAgain: 1 }],
    ["a POST that is done", post({}), ["POST r-p1"], { posts: 1, postsFailed: 0, postsLost: 0, postsTwice: 0 }],
    ["a POST that is acknowledged and not done", post({}), [], { postsFailed: 0, postsLost: 1 }],
    ["a POST that is done twice", post({}), ["POST r-p1", "POST r-p1"], { postsTwice: 1, postsLost: 0 }],
    ["a POST that failed and was done", post(failed), ["POST r-p1"], { postsFailed: 1, postsFailedButDone: 1 }],
    ["a POST that failed and was not done", post(failed), [], { postsFailed: 1, postsFailedButDone: 0, postsLost: 0 }],
    ["a GET of the same id is no POST", post({}), ["GET r-p1"], { postsLost: 1 }],
  ];
  test.each(cases)("%s", (_name, record, executed, expected) => {
    expect(judge(report([record]), executed, window)).toMatchObject(expected);
  });

  const stalls: readonly (readonly [string, readonly number[], readonly Pause[], number])[] = [
    ["nothing succeeds: the whole window", [], [], 1000],
    ["one success in the middle", [1500], [], 500],
    ["what ended before or after does not count", [900, 2100], [], 1000],
    ["the longest of several", [1100, 1200, 1900], [], 700],
    ["failures are no success", [1500], [], 500],
    ["without what the client slept", [1500], [{ fromMs: 1100, toMs: 1400 }], 500],
    ["a pause over both ends", [1500], [{ fromMs: 900, toMs: 2100 }], 0],
  ];
  test.each(stalls)("stall: %s", (_name, ends, pauses, expected) => {
    const good = ends.map((endMs) => request({ startMs: endMs - 5, endMs }));
    const bad = request({ ...failed, endMs: 1700 });
    expect(judge(report([...good, bad], pauses), [], window).stallMs).toBe(expected);
  });

  test("the slowest GET counts from the moment it was due, without the client's pauses", () => {
    const slow = request({ startMs: 1100, endMs: 1900 });
    expect(judge(report([slow]), [], window).slowestMs).toBe(800);
    expect(judge(report([slow], [{ fromMs: 1200, toMs: 1300 }]), [], window).slowestMs).toBe(700);
  });
});

describe("what a row wants", () => {
  const row = (name: string): (typeof rows)[number] => rows.find((one) => one.name === name)!; // named in rows.ts
  const clean = judge(report([1010, 1025, 1040].map((endMs) => request({ endMs, startMs: endMs - 5 }))), [], {
    fromMs: 1000,
    toMs: 1055,
  });

  test("an outcome without a failure is as wanted in every row", () => {
    for (const one of rows) expect([one.name, missesOf(one, clean, 0)]).toEqual([one.name, []]);
  });

  const cases: readonly (readonly [string, string, object, number | undefined, number])[] = [
    ["a failed GET", "killed", { getsFailed: 1 }, undefined, 1],
    ["a POST twice", "killed", { postsTwice: 1 }, undefined, 1],
    ["a POST acknowledged and not done", "half-a-body", { postsLost: 1 }, undefined, 1],
    ["an answer to another request", "all-slow", { kinds: { wrong: 1 } }, undefined, 1],
    [
      "failed and executed POSTs are told, not counted",
      "frozen",
      { postsFailed: 9, postsFailedButDone: 9 },
      undefined,
      0,
    ],
    ["a stall at its bound", "killed", { stallMs: 50 }, undefined, 0],
    ["a stall past it", "killed", { stallMs: 50.1 }, undefined, 1],
    ["no more failures than the killed workers held", "worker-killed", { getsFailed: 5 }, 5, 0],
    ["more than they held", "worker-killed", { getsFailed: 6 }, 5, 1],
    ["a second failure", "worker-killed", { getsFailed: 1, getsFailedAgain: 1 }, 5, 1],
    ["answers cut short where they are", "half-a-body", { getsFailed: 3, kinds: { cut: 3 } }, undefined, 0],
    ["another failure there", "half-a-body", { getsFailed: 3, kinds: { cut: 2, reset: 1 } }, undefined, 1],
    ["GETs twice where each is wanted once", "stuck", { getsTwice: 1 }, undefined, 1],
  ];
  test.each(cases)("%s", (_name, name, change, held, misses) => {
    expect(missesOf(row(name), { ...clean, ...change }, held)).toHaveLength(misses);
  });
});

import { expect, test } from "bun:test";
import { TroubleSign } from "../../model/link.ts";
import { TroubleReports, troubleWindowMs } from "./trouble.ts";

/** Messages so far, and timers that fire when the test says so. */
function world() {
  const due: (() => void)[] = [];
  const sent: string[] = [];
  const reports = new TroubleReports(
    {
      after(delayMs, run) {
        expect(delayMs).toBe(troubleWindowMs);
        due.push(run);
        return () => undefined;
      },
    },
    (row, counts) => void sent.push(`${row}: ${counts.join("")}`),
  );
  return { reports, sent, turn: () => due.splice(0).forEach((run) => run()) };
}

test("the first sign is told at once, what follows in one message a window", () => {
  const { reports, sent, turn } = world();
  reports.report(7, TroubleSign.Connect);
  expect(sent).toEqual(["7: 100000"]);
  for (let i = 0; i < 3; i++) reports.report(7, TroubleSign.Status5xx);
  reports.report(7, TroubleSign.Reset);
  expect(sent).toHaveLength(1);
  turn();
  expect(sent.splice(0)).toEqual(["7: 100000", "7: 010030"]);
  reports.report(7, TroubleSign.Timeout);
  expect(sent).toEqual([]);
  turn();
  expect(sent.splice(0)).toEqual(["7: 001000"]);
});

test("after a quiet window a sign is told at once again", () => {
  const { reports, sent, turn } = world();
  reports.report(1, TroubleSign.Overdue);
  turn();
  reports.report(1, TroubleSign.Overdue);
  expect(sent).toEqual(["1: 000001", "1: 000001"]);
});

test("rows do not wait for each other", () => {
  const { reports, sent } = world();
  reports.report(1, TroubleSign.BadResponse);
  reports.report(2, TroubleSign.BadResponse);
  expect(sent).toEqual(["1: 000100", "2: 000100"]);
});

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nobody, noKey } from "./balancer.ts";
import { LeastRequests } from "./least-requests.ts";
import { exactReadsMax, RunningAttempts } from "./running-attempts.ts";

const slotsPerEndpoint = 4;
const slotsOf = (count: number): number[] => Array.from({ length: count }, (_, index) => index * slotsPerEndpoint + 1);

function columnsFor(count: number, workers: number): Float64Array[] {
  return Array.from({ length: workers }, () => new Float64Array(count * slotsPerEndpoint));
}

/** What is begun is never ended here: `taken` says for how long. */
function idlePicks(weights: readonly number[], times: number, start = 0): number[] {
  const running = new RunningAttempts(columnsFor(weights.length, 1), slotsOf(weights.length));
  const balancer = new LeastRequests(weights, running, start);
  const counts = weights.map(() => 0);
  for (let turn = 0; turn < times; turn++) counts[balancer.pick()]!++;
  return counts;
}

const weightLists = fc.array(fc.integer({ min: 1, max: 256 }), { minLength: 1, maxLength: 12 });

describe("least-requests", () => {
  test("never picks a busier endpoint, whichever worker began what runs there", () => {
    const steps = fc.array(fc.tuple(fc.nat(2), fc.boolean(), fc.nat(1000)), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(weightLists, steps, fc.double({ min: 0, max: 0.99, noNaN: true }), (weights, log, start) => {
        const columns = columnsFor(weights.length, 3);
        const slots = slotsOf(weights.length);
        const workers = columns.map(() => new LeastRequests(weights, new RunningAttempts(columns, slots), start));
        const open: [worker: number, index: number][] = [];
        const runningAt = (index: number): number => open.filter((one) => one[1] === index).length;
        for (const [worker, ends, which] of log) {
          if (ends && open.length > 0) {
            const [[from, index] = [0, 0]] = open.splice(which % open.length, 1);
            columns[from]![slots[index]!]!--;
            continue;
          }
          const index = workers[worker]!.pick();
          const loads = weights.map((weight, each) => runningAt(each) / weight);
          expect(loads[index]).toBe(Math.min(...loads));
          columns[worker]![slots[index]!]!++;
          open.push([worker, index]);
        }
      }),
    );
  });

  test("an idle pool takes turns by weight", () => {
    fc.assert(
      fc.property(weightLists, fc.double({ min: 0, max: 0.99, noNaN: true }), (weights, start) => {
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const counts = idlePicks(weights, total * 3, start);
        counts.forEach((count, index) => expect(Math.abs(count - weights[index]! * 3)).toBeLessThanOrEqual(1));
      }),
      { numRuns: 50 },
    );
  });

  test("a full pool holds attempts by weight", () => {
    fc.assert(
      fc.property(weightLists, (weights) => {
        const columns = columnsFor(weights.length, 1);
        const slots = slotsOf(weights.length);
        const balancer = new LeastRequests(weights, new RunningAttempts(columns, slots), 0);
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (let turn = 0; turn < total; turn++) columns[0]![slots[balancer.pick()]!]!++;
        expect(slots.map((slot) => columns[0]![slot])).toEqual(weights);
      }),
      { numRuns: 50 },
    );
  });

  test("who was busy for long is not owed all the turns it missed", () => {
    const columns = columnsFor(2, 1);
    const balancer = new LeastRequests([1, 2], new RunningAttempts(columns, slotsOf(2)), 0);
    columns[0]![1] = 1;
    for (let turn = 0; turn < 1000; turn++) expect(balancer.pick()).toBe(1);
    columns[0]![1] = 0;
    const picks = Array.from({ length: 9 }, () => balancer.pick());
    expect(picks.filter((index) => index === 0).length).toBeLessThanOrEqual(4);
  });

  test("a pool too large to be looked at whole takes turns while it is idle, and avoids who is busy", () => {
    const count = exactReadsMax + 1;
    const weights = Array.from({ length: count }, () => 1);
    expect(new Set(idlePicks(weights, count))).toEqual(new Set([1]));
    const columns = columnsFor(count, 1);
    const slots = slotsOf(count);
    const balancer = new LeastRequests(weights, new RunningAttempts(columns, slots), 0.5);
    for (let index = 0; index < count; index++) columns[0]![slots[index]!] = index % 2 === 0 ? 5 : 1;
    for (let turn = 0; turn < count; turn++) expect(balancer.pick() % 2).toBe(1);
  });

  test("a further attempt goes to the least busy of the others", () => {
    const columns = columnsFor(4, 2);
    columns[0]!.set([0, 3, 0, 0, 0, 0]);
    columns[1]!.set([0, 0, 0, 0, 0, 1]);
    columns[1]![9] = 2;
    const balancer = new LeastRequests([1, 1, 1, 1], new RunningAttempts(columns, slotsOf(4)), 0);
    const tried = new Uint8Array(4);
    const order: number[] = [];
    for (let index = 0; index !== nobody;) {
      index = balancer.pickOther(noKey, 0, tried);
      order.push(index);
      tried[index] = 1;
    }
    expect(order).toEqual([3, 1, 2, 0, nobody]);
  });
});

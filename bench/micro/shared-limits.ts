/**
 * What a limit costs that holds for the node: one entry and one exit, by the number of workers whose columns are summed.
 * Nobody else writes here, so the cache lines stay ours; with workers that do, each column read may be a cache miss.
 */
import { counterFileBytes, initCounters } from "../../src/observe/counter-file.ts";
import { endpointLimitBase } from "../../src/observe/counters.ts";
import { SharedLimits } from "../../src/observe/shared-limits.ts";
import { compare } from "./harness.ts";

const word = endpointLimitBase(5);

function enterAndLeave(workers: number): () => number {
  const counters = initCounters(new Uint8Array(counterFileBytes(workers)), workers);
  const limits = new SharedLimits(counters.limits, 0);
  return () => {
    const isIn = limits.tryEnter(word, 1000);
    limits.leave(word);
    return Number(isIn);
  };
}

const plain = new Float64Array(64);
compare("a count that goes up and down again", [
  {
    name: "float64 without fences or limit",
    run: (turn) => {
      plain[turn & 63]!++;
      plain[turn & 63]!--;
      return 1;
    },
  },
  ...[1, 2, 8, 64].map((workers) => ({ name: `node-wide, ${workers} workers`, run: enterAndLeave(workers) })),
]);

import { expect, test } from "bun:test";
import { EndpointState, type Snapshot } from "../model/snapshot.ts";
import { logHealth } from "./health-log.ts";

const endpoint = { host: "127.0.0.1", ip: "127.0.0.1", port: 1, weight: 1, backup: false };
// Only what logHealth reads of a snapshot.
const snapshot = {
  pools: [
    { name: "a", endpoints: [{ ...endpoint, name: "one", row: 4 }] },
    {
      name: "b",
      endpoints: [
        { ...endpoint, name: "two", row: 5 },
        { ...endpoint, name: "three", row: 6 },
      ],
    },
  ],
} as unknown as Snapshot;

test("a change of state is one line with pool, endpoint and reason; a row that is gone is none", () => {
  const lines: string[] = [];
  const view = (row: number) => ({
    state: EndpointState.Up,
    why: "rise" as const,
    whyText: `reason ${row}`,
    sinceAt: 0,
  });
  const states = [
    [5, EndpointState.Down],
    [4, EndpointState.Up],
    [99, EndpointState.Down],
  ] as const;
  logHealth((level, code, text) => lines.push(`${level} ${code} ${text}`), snapshot, states, view);
  expect(lines).toEqual(["info endpoint-state a/one is UP: reason 4", "warn endpoint-state b/two is DOWN: reason 5"]);
});

import { expect, test } from "bun:test";
import { countUsed, differsInConnections } from "./upstream.ts";

const rows: [name: string, own: [number, number], reference: [number, number], isSteady: boolean, differs: boolean][] =
  [
    ["equal", [64, 0], [64, 0], true, false],
    ["6 of 64 are less than a tenth", [64, 0], [58, 0], true, false],
    ["8 of 64 are more than a tenth", [64, 0], [56, 0], true, true],
    ["too few count as much as too many", [40, 0], [64, 0], true, true],
    ["a few connections are no difference, whatever their share", [16, 0], [21, 0], true, false],
    ["where clients come and go, the number at a time is no difference", [40, 0], [64, 0], false, false],
    ["a connection per request is one everywhere", [2, 1], [66, 0], false, true],
    ["a new connection for each 50th request is one", [64, 0.02], [64, 0], true, true],
    ["a new connection for each 200th is none", [64, 0.005], [64, 0], true, false],
  ];
for (const [name, own, reference, isSteady, differs] of rows) {
  test(name, () => {
    const load = ([used, openedShare]: [number, number]) => ({ used, openedShare });
    expect(differsInConnections(load(own), load(reference), isSteady)).toBe(differs);
  });
}

const listing = `0 0 127.0.0.1:9001 127.0.0.1:53406 cubic rto:200 lastsnd:1 lastrcv:308 lastack:308 delivered:1
0 0 127.0.0.1:9001 127.0.0.1:53407 cubic rto:200 lastsnd:1 lastrcv:61000 lastack:308 delivered:1
0 0 127.0.0.1:9002 127.0.0.1:53408 cubic rto:200 delivered:1
`;
test("connections idle for longer than asked do not count", () => expect(countUsed(listing, 1000)).toBe(2));
test("no connection is none, not an empty line", () => expect(countUsed("\n", 1000)).toBe(0));

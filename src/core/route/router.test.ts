import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { latin1 } from "../../lib/bytes.ts";
import type { RouteConfig } from "../../model/config.ts";
import { Fed, HeadParser } from "../http1/head-parser.ts";
import { Router } from "./router.ts";

interface Asked {
  readonly method?: string;
  readonly target: string;
  readonly host?: string;
  readonly lines?: readonly string[];
}

function routeOf(router: Router, { method = "GET", target, host = "a.org", lines = [] }: Asked): number {
  const bytes = latin1(`xx${[`${method} ${target} HTTP/1.1`, `Host: ${host}`, ...lines, "", ""].join("\r\n")}`);
  const head = new HeadParser(false, { headBytesMax: 8192, fieldsMax: 100, targetBytesMax: 4096 });
  expect(head.feed(bytes, 2, bytes.length)).toBe(Fed.Done);
  return router.route(head, bytes, 2);
}

const word = fc.constantFrom("a", "b", "B", "v2", "v2x", "a%20b", "ä".normalize("NFD").slice(0, 1));
const path = fc.array(word, { maxLength: 3 }).map((words) => `/${words.join("/")}`);
const slashedPath = fc.tuple(path, fc.boolean()).map(([text, slash]) => (slash && text !== "/" ? `${text}/` : text));
const host = fc.constantFrom("a.org", "b.org", "www.a.org", "[::1]");
const method = fc.constantFrom("GET", "PUT");

const match = fc.record(
  {
    host: fc.array(host, { minLength: 1, maxLength: 2 }),
    path: fc.record({ kind: fc.constantFrom("prefix", "exact"), path: slashedPath }),
    method: fc.array(method, { minLength: 1, maxLength: 1 }),
    headers: fc.constant([{ name: "x-a", value: "1" }]),
  },
  { requiredKeys: [] },
);

const asked = fc.record(
  {
    method,
    target: fc.tuple(slashedPath, fc.constantFrom("", "?a=/v2", "/../b", "//a")).map((parts) => parts.join("")),
    host: fc.tuple(host, fc.constantFrom("", ":80", ".", ".:80")).map((parts) => parts.join("")),
    lines: fc.constantFrom([], ["X-A: 1"]),
  },
  { requiredKeys: ["target"] },
);

describe("routes", () => {
  test("found by the index are those found one by one", () => {
    fc.assert(
      fc.property(fc.array(match, { maxLength: 30 }), fc.array(asked, { maxLength: 20 }), (matches, requests) => {
        const routes = matches.map((each, number) => ({ match: each, pool: String(number) })) as RouteConfig[];
        const [plain, indexed] = [Infinity, 0].map(
          (from) => new Router({ routes, pool: "1000" }, (name) => Number(name), from),
        ) as [Router, Router];
        for (const each of requests) {
          // IPv6 literals take no final dot.
          if (each.host?.startsWith("[") === true && each.host.includes("].")) continue;
          expect(routeOf(indexed, each)).toBe(routeOf(plain, each));
        }
      }),
      { numRuns: 500 },
    );
  });

  const many = Array.from({ length: 1000 }, (_, number) => number);
  const rows: readonly (readonly [name: string, routes: readonly RouteConfig[], request: Asked, pool: number])[] = [
    [
      "a thousand hosts",
      many.map((number) => ({ match: { host: [`h${number}.org`] }, pool: String(number) })),
      { target: "/", host: "H777.org:80" },
      777,
    ],
    [
      "a thousand paths",
      many.map((number) => ({ match: { path: { kind: "prefix", path: `/p${number}/` } }, pool: String(number) })),
      { target: "/p777/x" },
      777,
    ],
    [
      "an earlier route that asks for less wins",
      [
        ...many.slice(0, 10).map((number) => ({ match: { host: [`h${number}.org`] }, pool: String(number) })),
        { match: { method: ["GET"] }, pool: "500" },
        { match: { host: ["a.org"], path: { kind: "exact", path: "/x" } }, pool: "501" },
      ],
      { target: "/x" },
      500,
    ],
    [
      "a later one that asks for more does not",
      [
        { match: { host: ["a.org"], path: { kind: "exact", path: "/x" } }, pool: "501" },
        ...many.slice(0, 10).map((number) => ({ match: { method: ["GET"] }, pool: String(number) })),
      ],
      { target: "/x" },
      501,
    ],
    ["nothing matches", many.map(() => ({ match: { host: ["b.org"] }, pool: "1" })), { target: "/" }, -1],
  ];
  for (const [name, routes, request, pool] of rows) {
    test(name, () => expect(routeOf(new Router({ routes }, (each) => Number(each)), request)).toBe(pool));
  }
});

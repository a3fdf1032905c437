import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { latin1, latin1Text } from "../../lib/bytes.ts";
import type { RouteConfig, RouteMatch } from "../../model/config.ts";
import { Fed, HeadParser } from "../http1/head-parser.ts";
import { needsNormalising, normalisePath } from "./path.ts";
import { noRoute, Router } from "./router.ts";

const limits = { headBytesMax: 32_768, fieldsMax: 100, targetBytesMax: 8192 };
const pools = ["fallback", "a", "b"];

interface Asked {
  readonly routes: readonly RouteConfig[];
  readonly pool?: string;
  readonly request: string;
}

function routed({ routes, pool, request }: Asked): string | undefined {
  const router = new Router({ routes, ...(pool === undefined ? {} : { pool }) }, (name) => pools.indexOf(name));
  const head = new HeadParser(false, limits);
  // Not at the start of the buffer, so that an offset without its base is found out.
  const bytes = latin1(`${"#".repeat(7)}${request}\r\n\r\n`);
  expect(head.feed(bytes, 7, bytes.length)).toBe(Fed.Done);
  const index = router.route(head, bytes, 7);
  return index === noRoute ? undefined : pools[index];
}

function matches(match: RouteMatch, request: string): boolean {
  return routed({ routes: [{ match, pool: "a" }], request }) === "a";
}

const get = (target: string, ...fields: string[]): string =>
  [`GET ${target} HTTP/1.1`, "Host: api.example.org:8080", ...fields].join("\r\n");

describe("a path prefix", () => {
  const rows: readonly [string, string, string, boolean][] = [
    ["matches itself", "/v2", "/v2", true],
    ["matches below", "/v2", "/v2/servers", true],
    ["ends at a segment", "/v2", "/v2x", false],
    ["with a slash at its end matches without it", "/v2/", "/v2", true],
    ["with a slash at its end matches below", "/v2/", "/v2/servers", true],
    ["with a slash at its end ends at a segment", "/v2/", "/v2x", false],
    ["of the root matches everything", "/", "/anything/at?all", true],
    ["does not look at the query", "/v2", "/v1?/v2", false],
    ["does not take the query for the path", "/v2", "/v2?x=/v1", true],
    ["knows case", "/v2", "/V2", false],
    ["longer than the path", "/v2/servers", "/v2", false],
    ["is not passed by through doubled slashes", "/admin", "//admin", true],
    ["is not passed by through a dot segment", "/admin", "/x/../admin", true],
    ["is not passed by through an escape", "/admin", "/%61dmin", true],
    ["does not take an escaped slash for one", "/a/b", "/a%2Fb", false],
    ["matches the path of an absolute target", "/v2", "http://api.example.org/v2/x", true],
    ["of the root matches an absolute target without a path", "/", "http://api.example.org", true],
  ];
  for (const [name, prefix, target, expected] of rows) {
    test(name, () => expect(matches({ path: { kind: "prefix", path: prefix } }, get(target))).toBe(expected));
  }
});

describe("an exact path", () => {
  const rows: readonly [string, string, string, boolean][] = [
    ["matches itself", "/v2", "/v2", true],
    ["with a query", "/v2", "/v2?x", true],
    ["not below", "/v2", "/v2/x", false],
    ["not with a slash behind it", "/v2", "/v2/", false],
    ["of the root", "/", "/", true],
  ];
  for (const [name, path, target, expected] of rows) {
    test(name, () => expect(matches({ path: { kind: "exact", path } }, get(target))).toBe(expected));
  }
});

describe("a host", () => {
  const rows: readonly [string, string, string, boolean][] = [
    ["matches without its port", "api.example.org", "api.example.org:8080", true],
    ["matches in any case", "api.example.org", "API.Example.ORG", true],
    ["matches with the dot of the root", "api.example.org", "api.example.org.", true],
    ["does not match a longer name", "example.org", "api.example.org", false],
    ["may be an IPv6 address", "[::1]", "[::1]:8080", true],
    ["does not match another IPv6 address", "[::1]", "[::2]:8080", false],
  ];
  for (const [name, host, field, expected] of rows) {
    test(name, () => expect(matches({ host: [host] }, `GET / HTTP/1.1\r\nHost: ${field}`)).toBe(expected));
  }
  test("of an absolute target stands above Host", () => {
    expect(matches({ host: ["b.org"] }, "GET http://b.org/ HTTP/1.1\r\nHost: a.org")).toBe(true);
    expect(matches({ host: ["a.org"] }, "GET http://b.org/ HTTP/1.1\r\nHost: a.org")).toBe(false);
  });
  test("is missing in a 1.0 request", () => expect(matches({ host: ["a.org"] }, "GET / HTTP/1.0")).toBe(false));
});

describe("method and fields", () => {
  const rows: readonly [string, RouteMatch, string, boolean][] = [
    ["one of several methods", { method: ["POST", "GET"] }, get("/"), true],
    ["a method knows case", { method: ["GET"] }, "get / HTTP/1.1\r\nHost: a", false],
    ["a method is not a beginning", { method: ["GE"] }, get("/"), false],
    ["a field that is there", { headers: [{ name: "x-tenant" }] }, get("/", "X-Tenant: 7"), true],
    ["a field that is missing", { headers: [{ name: "x-tenant" }] }, get("/"), false],
    ["a value", { headers: [{ name: "x-tenant", value: "7" }] }, get("/", "X-Tenant:  7 "), true],
    ["a value knows case", { headers: [{ name: "x-tenant", value: "a" }] }, get("/", "X-Tenant: A"), false],
    ["one of two lines", { headers: [{ name: "x-tenant", value: "7" }] }, get("/", "X-Tenant: 1", "X-Tenant: 7"), true],
    ["a field that the parser knows", { headers: [{ name: "authorization" }] }, get("/", "Authorization: x"), true],
    ["every part must match", { method: ["GET"], headers: [{ name: "x" }] }, get("/"), false],
  ];
  for (const [name, match, request, expected] of rows) test(name, () => expect(matches(match, request)).toBe(expected));
});

describe("the order", () => {
  const routes: readonly RouteConfig[] = [
    { match: { path: { kind: "prefix", path: "/a" } }, pool: "a" },
    { match: { path: { kind: "prefix", path: "/a/b" } }, pool: "b" },
  ];
  test("first match wins", () => expect(routed({ routes, request: get("/a/b") })).toBe("a"));
  test("the listener's pool is for the rest", () =>
    expect(routed({ routes, pool: "fallback", request: get("/c") })).toBe("fallback"));
  test("without one there is no route", () => expect(routed({ routes, request: get("/c") })).toBeUndefined());
});

describe("the normal form of a path", () => {
  const rows: readonly [string, string][] = [
    ["/", "/"],
    ["/a/b", "/a/b"],
    ["/a/", "/a/"],
    ["//a///b", "/a/b"],
    ["/a/./b", "/a/b"],
    ["/a/.", "/a/"],
    ["/a/../b", "/b"],
    ["/a/..", "/"],
    ["/../../a", "/a"],
    ["/a/b/../../c", "/c"],
    ["/%7Euser", "/~user"],
    ["/%2e%2e/a", "/a"],
    ["/a%2fb", "/a%2fb"],
    ["/a%", "/a%"],
    ["/a%4", "/a%4"],
    ["/.hidden", "/.hidden"],
    ["/...", "/..."],
  ];
  for (const [path, expected] of rows) {
    test(`${path} is ${expected}`, () => {
      expect(latin1Text(normalisePath(latin1(path)), 0, normalisePath(latin1(path)).length)).toBe(expected);
    });
  }

  test("a path that needs no work is its own normal form, and the normal form needs no more", () => {
    const segment = fc.constantFrom("a", "..", ".", "", "%41", "%2F", ".x", "b%7e");
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 8 }), (segments) => {
        const path = latin1(`/${segments.join("/")}`);
        const normal = normalisePath(path);
        if (!needsNormalising(path)) expect(normal).toEqual(path);
        expect(normalisePath(normal)).toEqual(normal);
      }),
    );
  });
});

import { describe, expect, test } from "bun:test";
import { latin1 } from "../../lib/bytes.ts";
import type { HashBy } from "../../model/config.ts";
import { Fed, HeadParser } from "../http1/head-parser.ts";
import { noKey } from "./balancer.ts";
import { hashText } from "./hash.ts";
import { keyPart, requestKey } from "./request-key.ts";

const limits = { headBytesMax: 8192, fieldsMax: 100, targetBytesMax: 4096 };

function keyOf(by: HashBy, target: string, lines: readonly string[]): number {
  // Something in front, so that offsets and places differ.
  const bytes = latin1(`xxx${[`GET ${target} HTTP/1.1`, "Host: a", ...lines, "", ""].join("\r\n")}`);
  const head = new HeadParser(false, limits);
  expect(head.feed(bytes, 3, bytes.length)).toBe(Fed.Done);
  return requestKey(keyPart(by), head, bytes, 3);
}

const header = (name: string): HashBy => ({ from: "header", name });
const cookie: HashBy = { from: "cookie", name: "sid" };
const query: HashBy = { from: "query", name: "user" };
const path: HashBy = { from: "path" };

/** The text whose hash is the key, or nothing where there is no key. */
type Row = readonly [name: string, by: HashBy, target: string, lines: readonly string[], text: string | undefined];

const rows: readonly Row[] = [
  ["a header field, whatever its case", header("x-tenant"), "/", ["X-TENANT:  blue "], "blue"],
  ["a header field that we read ourselves", header("authorization"), "/", ["Authorization: b"], "b"],
  ["the first of two lines counts", header("x-tenant"), "/", ["X-Tenant: a", "X-Tenant: b"], "a"],
  ["a missing field is no key", header("x-tenant"), "/", ["X-Tenants: a"], undefined],
  ["an empty field is no key", header("x-tenant"), "/", ["X-Tenant:"], undefined],
  ["a cookie alone", cookie, "/", ["Cookie: sid=1"], "1"],
  ["a cookie among others", cookie, "/", ["Cookie: a=b; sid=x=y; c=d"], "x=y"],
  ["a cookie in a second line", cookie, "/", ["Cookie: a=b", "Cookie: sid=2"], "2"],
  ["a cookie whose name only begins like it", cookie, "/", ["Cookie: sidx=1; xsid=2"], undefined],
  ["a cookie's name has its case", cookie, "/", ["Cookie: SID=1"], undefined],
  ["a cookie without a value", cookie, "/", ["Cookie: sid=; a=b"], undefined],
  ["a cookie without a sign", cookie, "/", ["Cookie: sid"], undefined],
  ["no cookies at all", cookie, "/", [], undefined],
  ["a query parameter", query, "/a?user=7", [], "7"],
  ["a query parameter among others", query, "/a?x=user&user=7&user=8", [], "7"],
  ["a query parameter stays as it is written", query, "/a?user=%37", [], "%37"],
  ["a query without it", query, "/a?users=7", [], undefined],
  ["an empty query", query, "/a?", [], undefined],
  ["no query", query, "/a/user=7", [], undefined],
  ["the path without its query", path, "/a/b?c", [], "/a/b"],
  ["the path of an absolute form", path, "http://b/a?c", [], "/a"],
];

describe("the key of a request", () => {
  for (const [name, by, target, lines, text] of rows) {
    test(name, () => {
      expect(keyOf(by, target, lines)).toBe(text === undefined ? noKey : hashText(text));
    });
  }
});

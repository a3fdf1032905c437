import { expect, test } from "bun:test";
import { fnv1a64 } from "./fnv.ts";

// Values of the authors' own test vectors (draft-eastlake-fnv, appendix).
test.each([
  ["", "cbf29ce484222325"],
  ["a", "af63dc4c8601ec8c"],
  ["foobar", "85944171f73967e8"],
])("fnv1a64 of %j", (text, hash) => {
  expect(fnv1a64(text)).toBe(hash);
});

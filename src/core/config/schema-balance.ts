import * as z from "zod";
import { token } from "../../lib/http-text.ts";
import type { BalanceConfig, HashBy } from "../../model/config.ts";
import { key, section, type } from "./describe.ts";
import * as s from "./scalars.ts";

/** The ways of balancing, as `pools.*.balance` names them. */

const choicesUsual = 2;
const words = ["least-requests", "round-robin", "random", "source", "peak-ewma", "first"] as const;
const wordForm = words.join(", ");

const headerForm = "the name of a header field, such as X-Tenant";
const cookieForm = "the name of a cookie, such as SESSION";
const queryForm = "the name of a query parameter, such as user";
const pathForm = "true";

const hashForm = "a map with one of header, cookie, query, path";
const hashMap = section(hashForm, {
  header: key(
    type(z.string({ error: headerForm }).regex(token, { error: headerForm }).max(256, { error: headerForm }), {
      name: "field name",
      form: headerForm,
    }).optional(),
    {
      text: "The value of the first header field of that name.",
      example: "hash: { header: X-Tenant }",
      without: "another part of the request is used",
    },
  ),
  cookie: key(
    type(z.string({ error: cookieForm }).regex(token, { error: cookieForm }).max(256, { error: cookieForm }), {
      name: "cookie name",
      form: cookieForm,
    }).optional(),
    {
      text: "The value of the cookie of that name, which is compared with case.",
      example: "hash: { cookie: SESSION }",
      without: "another part of the request is used",
    },
  ),
  query: key(
    type(z.string({ error: queryForm }).regex(/^[!$'()*+,\-./0-9:;?@A-Z_a-z~%]{1,256}$/, { error: queryForm }), {
      name: "parameter name",
      form: queryForm,
    }).optional(),
    {
      text: "The value of the first query parameter of that name, both as they stand in the request target (nothing is decoded).",
      example: "hash: { query: user }",
      without: "another part of the request is used",
    },
  ),
  path: key(type(z.literal(true, { error: pathForm }), { name: "true", form: pathForm }).optional(), {
    text: "The path as it stands in the request target, without the query.",
    example: "hash: { path: true }",
    without: "another part of the request is used",
  }),
});

const hash = type(
  hashMap.transform(({ header, cookie, query, path }, context): HashBy => {
    const parts: HashBy[] = [];
    if (header !== undefined) parts.push({ from: "header", name: header.toLowerCase() });
    if (cookie !== undefined) parts.push({ from: "cookie", name: cookie });
    if (query !== undefined) parts.push({ from: "query", name: query });
    if (path !== undefined) parts.push({ from: "path" });
    const [part] = parts;
    if (part !== undefined && parts.length === 1) return part;
    // A key that there is not is complaint enough.
    if (context.issues.length === 0) context.issues.push({ code: "custom", input: parts, message: hashForm });
    return z.NEVER;
  }),
  { name: "map", form: hashForm },
);

const random = section("a map such as { choices: 2 }", {
  choices: key(s.integer({ min: 1, max: 16 }).default(choicesUsual), {
    text: "How many endpoints are drawn; the least busy of them gets the request. 1: whatever is drawn.",
    example: "random: { choices: 3 }",
  }),
});

const mapForm = "a map with one of random, hash";
const balanceMap = section(mapForm, {
  random: key(random.optional(), {
    text: "Draws some endpoints, each as likely as its weight says, and takes the least busy of them.",
    example: "balance:\n  random: { choices: 3 }",
    without: "`random` as a word means the defaults of its keys",
  }),
  hash: key(hash.optional(), {
    text: "The same endpoint for requests that have the named part in common, on every worker and node with the same endpoints UP. When an endpoint goes, only its own requests move. An endpoint that already carries 1.25 times its share of the running requests (rounded up, and two at least) is passed by, so requests with one part in common that run at the same time may be spread. Requests without that part take turns.",
    example: "balance:\n  hash: { header: X-Tenant }",
    without: "another way of balancing is used",
  }),
});

const balanceForm = `${wordForm}, { random: … } or { hash: … }`;

/** How an endpoint is picked. */
export function balance() {
  return type(
    z
      .union([s.choice(...words), balanceMap], { error: balanceForm })
      .transform((value, context): BalanceConfig => {
        if (value === "random") return { kind: "random", choices: choicesUsual };
        if (typeof value === "string") return { kind: value };
        if (value.random !== undefined && value.hash === undefined)
          return { kind: "random", choices: value.random.choices };
        if (value.hash !== undefined && value.random === undefined) return { kind: "hash", by: value.hash };
        if (context.issues.length === 0) context.issues.push({ code: "custom", input: value, message: mapForm });
        return z.NEVER;
      })
      .prefault("least-requests"),
    { name: `${words.join(" | ")} | map`, form: balanceForm, words },
  );
}

import * as z from "zod";
import { fieldValue, token } from "../../lib/http-text.ts";
import { key, section, type } from "./describe.ts";
import * as s from "./scalars.ts";

const day = 86_400_000;

interface OneDoc {
  readonly name: string;
  /** A noun phrase that finishes "expected …" for one of them. */
  readonly form: string;
  readonly max: number;
}

/** One value, or a list of them; always a list afterwards. */
function oneOrMany<T extends z.ZodType>(one: () => T, doc: OneDoc) {
  const { name, max } = doc;
  const form = `${doc.form}, or a list of them (1 to ${max})`;
  const list = z.array(one(), { error: form }).min(1, { error: form }).max(max, { error: form });
  const schema = z
    .union([one(), list], { error: form })
    .transform((value): readonly z.output<T>[] => (Array.isArray(value) ? value : [value as z.output<T>]));
  return type(schema, { name: `${name} | list`, form });
}

const limits = section("a map of limits", {
  connections: key(s.integer({ min: 1, max: 1_000_000 }).default(20_000), {
    text: "Client connections that this listener holds at a time, in all workers. Further ones are accepted and closed at once.",
    see: ["process.connections"],
  }),
  headBytes: key(s.size({ min: 1024, max: 1_048_576 }).prefault("32KiB"), {
    text: "Request line and header section together. Longer heads are answered with 431.",
  }),
  headers: key(s.integer({ min: 1, max: 1000 }).default(100), {
    text: "Header fields of a request. More are answered with 431.",
  }),
  targetBytes: key(s.size({ min: 64, max: 1_048_576 }).prefault("8KiB"), {
    text: "The request target. Longer ones are answered with 414.",
  }),
  bodyBytes: key(s.sizeOrUnlimited({ min: 0, max: 2 ** 43 }).prefault("unlimited"), {
    text: "The request body. Longer ones are answered with 413.",
  }),
});

const timeouts = section("a map of timeouts", {
  head: key(s.duration({ min: 10, max: day }).prefault("10s"), {
    text: "From the first byte of a request head to its last, else 408.",
  }),
  idle: key(s.duration({ min: 10, max: day }).prefault("60s"), {
    text: "Between two requests on a connection, and before the first one.",
  }),
  body: key(s.duration({ min: 10, max: day, zero: "no limit" }).prefault("60s"), {
    text: "The longest silence while a request body is awaited, else 408.",
  }),
  minRate: key(s.byteRate({ min: 0, max: 2 ** 30 }).prefault("1KiB/s"), {
    text: "The least average rate of a request body, judged once `body` has passed, else 408. Responses, streams and long polls are not judged. `0B/s`: none.",
  }),
  write: key(s.duration({ min: 10, max: day, zero: "no limit" }).prefault("60s"), {
    text: "The longest time in which a client that has data to read takes none of it. Then the connection is reset.",
  }),
});

const forward = section("a map of switches", {
  xForwarded: key(s.flag().default(true), {
    text: "`X-Forwarded-For`, `-Proto`, `-Host` and `-Port`: replaced, unless the client is in `trust`; then appended.",
    see: ["listeners.*.trust"],
  }),
  forwarded: key(s.flag().default(false), {
    text: "The `Forwarded` field of RFC 7239. Off by default, because some services (OpenStack's middleware) prefer its first element over `X-Forwarded-*`.",
  }),
  requestId: key(s.flag().default(true), {
    text: "`X-Request-Id`: believed from clients in `trust`, else a new one.",
  }),
  traceContext: key(s.flag().default(true), {
    text: "W3C `traceparent`: a valid one is passed on, else one is started.",
  }),
});

const pathForm = "a path prefix such as /v2/, or { exact: /v2/tokens }";
const prefixPath = s.path().transform((path) => ({ kind: "prefix" as const, path }));
const exactPath = section(pathForm, {
  exact: key(s.path(), {
    text: "The whole path.",
    example: "match: { path: { exact: /v2/tokens } }",
  }),
}).transform(({ exact }) => ({ kind: "exact" as const, path: exact }));
const matchPath = type(z.union([prefixPath, exactPath], { error: pathForm }), {
  name: "path | { exact: path }",
  form: pathForm,
});

const headerName = z
  .string()
  .regex(token, { error: "a header field name (RFC 9110: letters, digits, - and a few signs)" });
const headerForm = "the value of the field as text (numbers in quotes), or true: the field is there";

const matchHeader = type(
  z
    .record(
      headerName,
      z.union([z.literal(true), z.string().regex(fieldValue, { error: "a field value: visible ASCII characters" })], {
        error: headerForm,
      }),
      { error: "a map of field names to values" },
    )
    .transform((fields) =>
      Object.entries(fields).map(([name, value]) =>
        value === true ? { name: name.toLowerCase() } : { name: name.toLowerCase(), value },
      ),
    ),
  { name: "map of name: value | true", form: "a map of field names to values" },
);

const match = section("a map of what must match", {
  host: key(
    oneOrMany(s.matchHost, {
      name: "host name",
      form: "a host name such as api.example.org",
      max: 256,
    }).optional(),
    {
      text: "The host name of the request, without port, in any case.",
      example: "match: { host: [api.example.org, api.internal] }",
      without: "any host",
    },
  ),
  path: key(matchPath.optional(), {
    text: "The beginning of the path, up to the end of a segment: `/v2` and `/v2/` both match `/v2` and `/v2/users`, never `/v2x`. With `exact`, the whole path.",
    example: "match: { path: /v2/ }",
    without: "any path",
  }),
  method: key(oneOrMany(s.method, { name: "method", form: "a method name such as GET", max: 32 }).optional(), {
    text: "The request method.",
    example: "match: { method: [GET, HEAD] }",
    without: "any method",
  }),
  header: key(matchHeader.optional(), {
    text: "Fields that the request must have, with exactly this value, or with `true` any value. The name in any case, the value as written.",
    example: "match: { header: { X-Tenant: blue, X-Canary: true } }",
    without: "any fields",
  }),
});

const route = section("a map with match and pool", {
  match: key(match, {
    text: "What a request must have; every part that is given must match. At least one part is needed: what is left over goes to the listener's `pool`.",
    example: "match: { host: api.example.org, path: /v2/ }",
    see: ["listeners.*.pool"],
  }),
  pool: key(s.name(), {
    text: "The pool that such requests go to.",
    example: "pool: app-v2",
    see: ["pools"],
  }),
});

export const listenerSchema = section("a map with bind and pool", {
  bind: key(oneOrMany(s.bindAddress, { name: "address", form: s.bindForm, max: 64 }), {
    text: "Where to listen: an IP address, `localhost` (127.0.0.1) or `*` (every IPv4 and IPv6 address), a colon and a port. IPv6 addresses stand in brackets. Port 0 takes any free one. Quotes are needed around what begins with `*` or `[`.",
    example: 'bind: ["10.0.0.5:80", "[2001:db8::5]:80"]',
  }),
  protocol: key(s.choice("http").default("http"), { text: "What clients speak." }),
  pool: key(s.name().optional(), {
    text: "Where requests go that no route matches. A listener needs `pool`, `routes` or both.",
    example: "pool: app",
    without: "such requests get 404",
    see: ["listeners.*.routes", "pools"],
  }),
  trust: key(
    z
      .array(s.cidr(), { error: "a list of networks" })
      .max(1000, { error: "a list of at most 1000 networks" })
      .default([]),
    {
      text: "Networks whose forwarded header fields and request ids are believed: other balancers in front of this one.",
      example: "trust: [10.0.0.0/8, 2001:db8::/32]",
      see: ["listeners.*.forward.xForwarded"],
    },
  ),
  limits: key(limits.prefault({}), { text: "Bounds on what one client may cost." }),
  timeouts: key(timeouts.prefault({}), { text: "Waiting for clients.", see: ["pools.*.timeouts"] }),
  forward: key(forward.prefault({}), { text: "Which header fields are added to requests." }),
  underscores: key(s.choice("drop", "pass").default("drop"), {
    text: "What happens to request header fields with `_` in their name. WSGI and CGI servers read `X_Forwarded_For` as `X-Forwarded-For`, so that a client could forge what the balancer sets; `drop` removes them all.",
  }),
  halfClose: key(s.flag().default(false), {
    text: "Whether a client that has closed its sending side after a complete request still gets its answer. Without it, such a client counts as gone and its request is given up.",
  }),
  routes: key(
    z.array(route, { error: "a list of routes" }).max(1000, { error: "a list of at most 1000 routes" }).default([]),
    {
      text: "Where requests go. The first route that matches wins.",
      example: "routes:\n  - match: { host: api.example.org, path: /v2/ }\n    pool: app-v2",
    },
  ),
});

export type ListenerInput = z.output<typeof listenerSchema>;

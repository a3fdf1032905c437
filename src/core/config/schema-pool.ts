import * as z from "zod";
import { fieldValue, token } from "../../lib/http-text.ts";
import { balance } from "./schema-balance.ts";
import { key, section, type } from "./describe.ts";
import * as s from "./scalars.ts";

const hour = 3_600_000;
const day = 24 * hour;

const endpointNameForm = "a name of letters, digits, . _ - : [ ] (at most 255)";
const endpointName = () =>
  type(
    z.string({ error: endpointNameForm }).regex(/^[A-Za-z0-9[][A-Za-z0-9._:[\]-]{0,254}$/, { error: endpointNameForm }),
    { name: "name", form: endpointNameForm },
  );

const endpointForm = "host:port, or a map with address";
const endpointObject = section(endpointForm, {
  address: key(s.endpointAddress(), {
    text: "Host name or IP address, a colon and the port. IPv6 addresses stand in brackets and quotes. Names are resolved at start, at reload, every 30 seconds and when checks fail; the last address stays while a name does not resolve.",
    example: "address: b2.example.org:9002",
  }),
  name: key(endpointName().optional(), {
    text: "What the endpoint is called in commands, status and metrics. Unique in its pool.",
    example: "{ address: 10.0.0.12:8080, name: b2 }",
    without: "the address as written",
  }),
  weight: key(s.integer({ min: 0, max: 256 }).default(1), {
    text: "Its share of new requests, relative to the others. 0: none.",
  }),
  backup: key(s.flag().default(false), {
    text: "Used only while no other endpoint of the pool is UP.",
  }),
});
const endpoint = type(
  z.union(
    [
      s.endpointAddress().transform((address) => ({ address, name: undefined, weight: 1, backup: false })),
      endpointObject,
    ],
    { error: endpointForm },
  ),
  { name: "host:port | map", form: endpointForm },
);

const endpointsForm = "a list of at least one endpoint";

const statusForm = "a status such as 200, or a range such as 200-299, from 200 to 599 (1xx is never a final answer)";
const status = type(
  z.union([z.int({ error: statusForm }), z.string()], { error: statusForm }).transform((value, context) => {
    const match = /^([0-9]{3})(?:-([0-9]{3}))?$/.exec(String(value));
    const from = Number(match?.[1]);
    const to = Number(match?.[2] ?? match?.[1]);
    if (match !== null && from >= 200 && to <= 599 && from <= to) return { from, to };
    const class_ = /^([2-5])xx$/i.exec(String(value))?.[1];
    context.issues.push({
      code: "custom",
      input: value,
      message: statusForm,
      params: { hint: class_ === undefined ? undefined : `${class_}00-${class_}99` },
    });
    return z.NEVER;
  }),
  { name: "status | from-to", form: statusForm },
);

const valueForm = "a field value as text: visible ASCII characters (numbers in quotes)";
const checkHeaders = type(
  z
    .record(
      z.string().regex(token, {
        error: "a header field name (RFC 9110: letters, digits, - and a few signs)",
      }),
      z.string({ error: valueForm }).regex(fieldValue, { error: valueForm }),
      { error: "a map of field names to values" },
    )
    .transform((fields) => Object.entries(fields).map(([name, value]) => ({ name, value }))),
  { name: "map of name: value", form: "a map of field names to values" },
);

const bodyForm = "a text of 1 to 1024 characters";
const bodyText = () =>
  type(z.string({ error: bodyForm }).min(1, { error: bodyForm }).max(1024, { error: bodyForm }), {
    name: "text",
    form: bodyForm,
  });
const statuses = () =>
  z
    .array(status, { error: "a list of statuses, such as [200-299]" })
    .min(1, { error: "a list of at least one status" })
    .max(100, { error: "a list of at most 100 statuses" });
const drainAnswer = section("a map such as { status: [404] }", {
  status: key(statuses(), {
    text: "Status codes and ranges of that answer.",
    example: "drain: { status: [404] }",
  }),
  body: key(bodyText().optional(), {
    text: "Text that must also occur in the first 64 KiB of the body. `oslo.middleware` answers 503 with `DISABLED BY FILE`, and 503 alone means that it is ill.",
    example: 'drain: { status: [503], body: "DISABLED BY FILE" }',
    without: "the body is not looked at",
  }),
});
const expectation = section("a map with status, body and drain", {
  status: key(statuses().prefault(["200-299"]), {
    text: "Status codes and ranges that count as healthy.",
    example: "expect: { status: [200-299, 401] }",
  }),
  body: key(bodyText().optional(), {
    text: "Text that must occur in the first 64 KiB of the body.",
    example: 'expect: { body: "OK" }',
    without: "the body is not looked at",
  }),
  drain: key(drainAnswer.optional(), {
    text: "The answer with which an endpoint asks to be drained: it is alive and gets no new requests (state DRAIN), at once and until it answers otherwise. It is looked for before `status` and `body`.",
    example: "expect: { drain: { status: [404] } }",
    without: "no answer asks for it",
  }),
});

const hostValueForm = "a host name or address, perhaps with a port";
const port = () => s.integer({ min: 1, max: 65_535 });

const httpCheck = section("a map, such as { path: /healthcheck }", {
  method: key(s.method().prefault("GET"), { text: "The request method of the check." }),
  path: key(s.checkTarget().prefault("/"), {
    text: "What the check asks for; a query is allowed.",
    example: "http: { path: /healthcheck }",
  }),
  host: key(
    type(z.string({ error: hostValueForm }).regex(/^[A-Za-z0-9._~[\]:-]{1,255}$/, { error: hostValueForm }), {
      name: "text",
      form: hostValueForm,
    }).optional(),
    {
      text: "The `Host` field of the check.",
      example: "http: { path: /healthcheck, host: api.example.org }",
      without: "the endpoint's address as written",
    },
  ),
  port: key(port().optional(), {
    text: "Where the check connects to, if a service is checked at a port of its own.",
    example: "http: { path: /healthcheck, port: 9200 }",
    without: "the endpoint's port",
  }),
  headers: key(checkHeaders.prefault({}), {
    text: "Further header fields. `Host`, `Connection` and what frames a body are set by the check itself.",
    example: "headers: { X-Probe: balancer }",
  }),
  expect: key(expectation.prefault({}), {
    text: "What a healthy endpoint answers.",
    example: 'expect: { status: [200], body: "OK" }',
  }),
});

const tcpCheck = section("a map, such as {}", {
  port: key(port().optional(), {
    text: "Where the check connects to.",
    example: "tcp: { port: 9200 }",
    without: "the endpoint's port",
  }),
});

const passive = section("a map such as { failures: 3 }, or off", {
  failures: key(s.integer({ min: 1, max: 1000 }).default(3), {
    text: "Failed requests (connect, reset, timeout, an answer that is no valid HTTP, status 5xx) that eject an endpoint, over all workers, if no more requests succeeded there among them.",
  }),
  within: key(s.duration({ min: 1, max: hour }).prefault("10s"), {
    text: "The time in which they happen.",
  }),
  eject: key(s.duration({ min: 1, max: day }).prefault("5s"), {
    text: "How long it gets no requests, the first time; each further time in a row twice as long. The first check that passes after that brings it back.",
  }),
  ejectMax: key(s.duration({ min: 1, max: day }).prefault("60s"), {
    text: "The longest ejection. An endpoint that was in for so long starts with `eject` again.",
  }),
  share: key(s.share({ max: 1 }).prefault("50%"), {
    text: "Answers of class 5xx eject no endpoint if more than this share of its pool would be out then, for whatever reason. Requests without a valid answer know no such limit.",
  }),
});

const healthForm = "a map of checks such as { http: { path: /healthcheck } }, or off";
const healthMap = section(healthForm, {
  http: key(httpCheck.optional(), {
    text: "Asks over HTTP/1.1 and judges the answer.",
    without: "`tcp`",
    example: "health:\n  http: { path: /healthcheck }",
  }),
  tcp: key(tcpCheck.optional(), {
    text: "Connects, and is content with that.",
    without: "this is what is done without `http`",
    example: "health: { tcp: {} }",
  }),
  interval: key(s.duration({ min: 10, max: hour }).prefault("2s"), {
    text: "Between two checks of an endpoint.",
  }),
  fastInterval: key(s.duration({ min: 10, max: hour }).optional(), {
    text: "Between checks after a sign of trouble (a failed connect, a reset, a timeout), and while an endpoint is rising or falling.",
    example: "fastInterval: 100ms",
    without: "200ms, or `interval` where that is shorter",
  }),
  timeout: key(s.duration({ min: 10, max: hour }).optional(), {
    text: "For the whole check, connecting included.",
    example: "timeout: 500ms",
    without: "1s, or `interval` where that is shorter",
  }),
  rise: key(s.integer({ min: 1, max: 100 }).default(2), {
    text: "Passed checks in a row after which an endpoint that is DOWN is UP.",
  }),
  fall: key(s.integer({ min: 1, max: 100 }).default(3), {
    text: "Failed checks in a row after which an endpoint that is UP is DOWN.",
  }),
  jitter: key(s.share({ max: 0.5 }).prefault("10%"), {
    text: "How much each wait varies, to both sides, so that checks do not march in step.",
  }),
  passive: key(
    type(z.union([z.literal("off"), passive], { error: "a map such as { failures: 3 }, or off" }), {
      name: "map | off",
      form: "a map such as { failures: 3 }, or off",
    }).prefault({}),
    {
      text: "Ejection of endpoints where requests fail, whatever their checks say. `off`: only checks decide.",
      example: "passive: { failures: 5, eject: 2s }",
    },
  ),
  initial: key(s.choice("up", "down").default("up"), {
    text: "The state before the first check. `up`: requests flow at once; `down`: after the first passed check.",
  }),
});
const health = type(z.union([z.literal("off"), healthMap], { error: healthForm }), {
  name: "map | off",
  form: healthForm,
});

const conditionForm = "connect, reset, timeout, or a status from 400 to 599";
const condition = type(
  z.union(
    [
      z.enum(["connect", "reset", "timeout"]),
      z.int({ error: conditionForm }).min(400, { error: conditionForm }).max(599, { error: conditionForm }),
    ],
    { error: conditionForm },
  ),
  {
    name: "connect | reset | timeout | status",
    form: conditionForm,
    words: ["connect", "reset", "timeout"],
  },
);

const budget = section("a map with share, min and burst", {
  share: key(s.share({ max: 1 }).prefault("20%"), {
    text: "Retries as a share of the requests of the last ten seconds.",
  }),
  min: key(s.rate({ min: 0, max: 1_000_000 }).prefault("10/s"), {
    text: "Retries that are always allowed.",
  }),
  burst: key(s.integer({ min: 0, max: 1_000_000 }).default(100), {
    text: "Retries that may be saved up.",
  }),
});

const retry = section("a map such as { attempts: 3 }", {
  attempts: key(s.integer({ min: 1, max: 10 }).default(3), {
    text: "Attempts in all for a request that was already sent. A request of which an endpoint took no byte (connect refused, say) moves on in any case.",
  }),
  attemptTimeout: key(s.duration({ min: 1, max: day, zero: "off: slow answers are legal" }).prefault("0s"), {
    text: "How long one attempt may wait for its response head before another endpoint is tried. An attempt that no other may follow (a POST that may be running, the last one) is left to `timeouts.response`.",
    see: ["pools.*.timeouts.response"],
  }),
  on: key(
    z
      .array(condition, { error: `a list of ${conditionForm}` })
      .max(100, { error: "a list of at most 100 conditions" })
      .default(["connect", "reset", "timeout", 502, 503, 504]),
    {
      text: "Failures and status codes after which an idempotent request is tried again. A POST or PATCH that was sent never goes out twice. `timeout` also means: requests that wait at an endpoint when it goes DOWN move to another one, without being counted by `budget`.",
    },
  ),
  budget: key(budget.prefault({}), {
    text: "A bound on retries, so that they do not add to an overload.",
    example: "budget: { share: 10%, min: 5/s, burst: 50 }",
  }),
  bodyBytes: key(s.size({ min: 0, max: 16 * 1024 ** 2 }).prefault("64KiB"), {
    text: "Request bodies up to this size are kept for another attempt.",
  }),
});

const timeouts = section("a map of timeouts", {
  connect: key(s.duration({ min: 1, max: 600_000 }).prefault("1s"), {
    text: "To connect to an endpoint; then the next one is tried.",
  }),
  response: key(s.duration({ min: 1, max: day, zero: "no limit" }).prefault("60s"), {
    text: "From the last byte of the request to the end of the response head, else 504; and the longest silence inside a response body.",
  }),
  idle: key(s.duration({ min: 1, max: day }).prefault("60s"), {
    text: "How long an unused connection to an endpoint is kept.",
    see: ["pools.*.reuse"],
  }),
  total: key(s.duration({ min: 1, max: day, zero: "no limit" }).prefault("0s"), {
    text: "From the complete request head to the last byte of the response.",
  }),
});

export const poolSchema = section("a map with endpoints", {
  balance: key(balance(), {
    text: [
      "How an endpoint is picked, among those that are UP.",
      "`least-requests`: the one with the fewest running requests for its weight, counted over all workers; among equals by turns.",
      "`round-robin`: in turns, each as often as its weight says.",
      "`random`: the less busy of two that are drawn.",
      "`source`: the same endpoint for the same client address, as long as it is UP.",
      "`hash`: the same endpoint for the same header field, cookie, path or query parameter.",
      "`peak-ewma`: the one that would answer soonest, by its latest response times and running requests.",
      "`first`: the first of the list, in the order of the file; the next one only while it has no room. With it, nothing that is DOWN is ever used, and weights other than 0 make no difference.",
    ].join(" "),
  }),
  endpoints: key(
    z
      .array(endpoint, { error: endpointsForm })
      .min(1, { error: endpointsForm })
      .max(4096, { error: "a list of at most 4096 endpoints" }),
    {
      text: "Who serves the requests. An endpoint is its address, or a map where it needs more.",
      example: "endpoints:\n  - 10.0.0.11:8080\n  - { address: 10.0.0.12:8080, name: b2, weight: 2 }",
    },
  ),
  health: key(health.prefault({}), {
    text: "Active checks, and what failed requests mean. `off`: none of it, every endpoint counts as UP.",
    without: "a `tcp` check with the defaults below",
    example: "health:\n  http: { path: /healthcheck, expect: { status: [200] } }\n  interval: 1s",
  }),
  slowStart: key(s.duration({ min: 1, max: hour, zero: "all of its weight at once" }).prefault("0s"), {
    text: "How long an endpoint that came UP again takes to get to all of its weight. It begins with a tenth and gets more every second. Where no other endpoint serves, and at the start, there is no ramp.",
    example: "slowStart: 30s",
  }),
  retry: key(retry.prefault({}), { text: "When a request is tried again at another endpoint." }),
  timeouts: key(timeouts.prefault({}), {
    text: "Waiting for endpoints.",
    see: ["listeners.*.timeouts"],
  }),
  reuse: key(s.flag().default(true), {
    text: "Whether connections to endpoints are used for more than one request.",
  }),
});

export type PoolInput = z.output<typeof poolSchema>;
export type HealthInput = z.output<typeof healthMap>;

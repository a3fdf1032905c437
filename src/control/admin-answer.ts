import { weightMax, overrideTextMax, type OverrideChange, type OverrideRequest } from "../model/override.ts";
import { instanceMetrics } from "../observe/instance-metrics.ts";
import { metricsContentType, renderMetrics } from "../observe/metrics.ts";
import { EndpointState } from "../model/snapshot.ts";
import type { PoolView, StatusView } from "../model/status.ts";
import type { ChangeResult } from "./endpoint-override.ts";
import { isWeight, printableText } from "./overrides.ts";

/** What the admin API needs of a request; the decision is the same on both doors but for what a door allows. */
export interface AdminRequest {
  readonly door: AdminDoor;
  readonly method: string;
  /** Path of the URL, without the query. */
  readonly path: string;
  /** Host field; empty where there was none. */
  readonly host: string;
  /** Of a POST. */
  readonly body?: string;
}

/**
 * `socket`: rights are the file's (0660), everything is allowed. `tcp`: loopback without a token, so anybody on this
 * machine, and any web page in a browser here, can send requests: read only, and only under names that are ours.
 */
export type AdminDoor = "socket" | "tcp";

export interface AdminAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The request asks the instance to stop; done once the answer is on its way. */
  readonly isStop: boolean;
}

export interface AdminSource {
  view(): StatusView;
  /** Sets or takes back an override. */
  change(request: OverrideRequest): ChangeResult;
  /** The address of the TCP door, whose name in Host is believed. */
  readonly tcpHost: string | undefined;
}

interface Route {
  readonly method: "GET" | "POST";
  answer(source: AdminSource): AdminAnswer;
}

const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
  ["/healthz", { method: "GET", answer: () => json(200, { status: "ok" }) }],
  ["/readyz", { method: "GET", answer: ({ view }) => readiness(view()) }],
  [
    "/metrics",
    {
      method: "GET",
      answer: ({ view }) => answer(200, metricsContentType, renderMetrics(instanceMetrics(view()))),
    },
  ],
  ["/api/v1/status", { method: "GET", answer: ({ view }) => json(200, view()) }],
  ["/api/v1/stop", { method: "POST", answer: () => ({ ...json(202, { state: "draining" }), isStop: true }) }],
]);

export function adminAnswer(request: AdminRequest, source: AdminSource): AdminAnswer {
  const { door, method, path, host } = request;
  if (door === "tcp" && !isOwnName(host, source.tcpHost)) {
    return problem(
      403,
      "host-not-allowed",
      `Host ${JSON.stringify(host)} is no name of this address; use localhost, a loopback address or ${source.tcpHost}`,
    );
  }
  const place = endpointPlace(path);
  const route: Route | undefined =
    place === undefined
      ? routes.get(path)
      : { method: "POST", answer: (from) => overrideAnswer(place, request.body ?? "", from) };
  if (route === undefined)
    return problem(404, "not-found", `there is no ${path}; there are ${[...routes.keys(), ...placeForms].join(", ")}`);
  const isRead = method === "GET" || method === "HEAD";
  if (route.method === "GET" ? !isRead : method !== route.method) {
    const allow = route.method === "GET" ? "GET, HEAD" : route.method;
    return withHeader(problem(405, "method-not-allowed", `${path} takes ${allow}`), "Allow", allow);
  }
  if (door === "tcp" && route.method !== "GET") {
    return problem(403, "read-only", "this address is read-only; changes go through the unix socket");
  }
  return route.answer(source);
}

/**
 * Against DNS rebinding: a page from evil.example can make its own name resolve to 127.0.0.1 and would then be "same
 * origin" with us. Our answers go only to requests that name us as loopback or by the address we are bound to.
 */
function isOwnName(host: string, tcpHost: string | undefined): boolean {
  const name = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+)(?::[0-9]{1,5})?$/.exec(host)?.[1]?.toLowerCase();
  if (name === undefined) return false;
  const bare = name.startsWith("[") ? name.slice(1, -1) : name;
  return bare === "localhost" || isLoopback(bare) || bare === tcpHost;
}

/** True for 127.0.0.0/8 and ::1 as literals. */
export function isLoopback(host: string): boolean {
  return host === "::1" || /^127\.(?:[0-9]{1,3}\.){2}[0-9]{1,3}$/.test(host);
}

const placeForms = ["state", "weight"].map((what) => `/api/v1/pools/{pool}/endpoints/{endpoint}/${what}`);

interface EndpointPlace {
  readonly pool: string;
  readonly endpoint: string;
  readonly what: "state" | "weight";
}

/** Undefined where the path is no endpoint's; names are percent-encoded. */
function endpointPlace(path: string): EndpointPlace | undefined {
  const match = /^\/api\/v1\/pools\/([^/]+)\/endpoints\/([^/]+)\/(state|weight)$/.exec(path);
  const [, pool, endpoint, what] = match ?? [];
  if (pool === undefined || endpoint === undefined) return undefined;
  try {
    const names = { pool: decodeURIComponent(pool), endpoint: decodeURIComponent(endpoint) };
    return { ...names, what: what === "state" ? "state" : "weight" };
  } catch {
    // A broken escape is no name of anything.
    return undefined;
  }
}

/** The body: `{ "state": "drain" | "maint" | "ready" }` or `{ "weight": 0..256 | null }`, with `actor` and `reason`. */
function overrideAnswer({ pool, endpoint, what }: EndpointPlace, body: string, source: AdminSource): AdminAnswer {
  const asked = objectOf(body);
  if (asked === undefined) return problem(400, "bad-body", "the body is no JSON object");
  const change = what === "state" ? stateChange(asked["state"]) : weightChange(asked["weight"]);
  if (typeof change === "string") return problem(400, "bad-body", change);
  const { actor = "unknown", reason } = asked;
  for (const [name, text] of [
    ["actor", actor],
    ["reason", reason],
  ] as const) {
    if (text !== undefined && printableText(text) === undefined)
      return problem(400, "bad-body", `${name}: expected printable text of 1 to ${overrideTextMax} characters`);
  }
  const request = { pool, endpoint, change, actor: String(actor) };
  const result = source.change(reason === undefined ? request : { ...request, reason: String(reason) });
  if (result.kind === "unknown") return problem(404, "unknown-name", result.message);
  const { override = null, notSaved } = result;
  return json(200, { pool, endpoint, override, ...(notSaved === undefined ? {} : { notSaved }) });
}

function objectOf(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function stateChange(state: unknown): OverrideChange | string {
  return state === "drain" || state === "maint" || state === "ready"
    ? { kind: "state", state }
    : "state: expected drain, maint or ready";
}

function weightChange(weight: unknown): OverrideChange | string {
  return weight === null || isWeight(weight)
    ? { kind: "weight", weight }
    : `weight: expected a whole number from 0 to ${weightMax}, or null for the configured one`;
}

/**
 * Ready means that new connections are taken. Whether a pool has endpoints is said too, but it is no reason: taking the
 * whole balancer out because one service behind it is down would take the others with it.
 */
function readiness(view: StatusView): AdminAnswer {
  const reasons: string[] = [];
  if (view.state === "draining") reasons.push("draining");
  if (!view.workers.some(({ state }) => state === "ready")) reasons.push("no worker is ready");
  const details = view.pools.filter((pool) => !isUsable(pool)).map(({ name }) => `pool ${name} has no usable endpoint`);
  return json(reasons.length === 0 ? 200 : 503, {
    isReady: reasons.length === 0,
    reasons,
    details,
  });
}

function isUsable({ endpoints }: PoolView): boolean {
  return endpoints.some(({ state, weight }) => state === EndpointState.Up && weight > 0);
}

function problem(status: number, code: string, message: string): AdminAnswer {
  return json(status, { error: { code, message } });
}

function json(status: number, value: unknown): AdminAnswer {
  return answer(status, "application/json", `${JSON.stringify(value)}\n`);
}

function answer(status: number, contentType: string, body: string): AdminAnswer {
  const headers = {
    "Content-Type": contentType,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
  };
  return { status, headers, body, isStop: false };
}

function withHeader(before: AdminAnswer, name: string, value: string): AdminAnswer {
  return { ...before, headers: { ...before.headers, [name]: value } };
}

import { parseCidr } from "../../lib/cidr.ts";
import { ipKey } from "../../lib/ip.ts";
import { nearestWord } from "../../lib/nearest.ts";
import { formatDuration, formatSize } from "../../lib/units.ts";
import type { BindAddress } from "../../model/config.ts";
import { IssueCode } from "../../model/issue.ts";
import type { ConfigInput } from "./schema.ts";
import type { ListenerInput } from "./schema-listener.ts";
import type { HealthInput, PoolInput } from "./schema-pool.ts";
import { show, valueAt } from "./schema-issues.ts";
import type { Finding } from "./schema-issues.ts";

/**
 * What no single value can be wrong about: references, addresses that collide, values that contradict each other. The
 * rules also run on files with other mistakes, so every part of a draft may be absent.
 */
export interface Draft {
  /** The file as it was written. */
  readonly raw: unknown;
  readonly listeners: ReadonlyMap<string, Parts<ListenerInput>>;
  readonly pools: ReadonlyMap<string, Parts<PoolInput>>;
  readonly admin: ConfigInput["admin"] | undefined;
}

/** `undefined` stands for a key, or a place in a list, that is not valid by itself. */
export type Parts<T> = {
  readonly [K in keyof T]?: T[K] extends readonly (infer E)[] ? readonly (E | undefined)[] : T[K];
};

/** Rows and slots in the shared counters (`observe/counters.ts` holds the same numbers; a test compares them). */
export const listenersMax = 256;
export const endpointsMax = 16_384;

/** Everything that the rules have to say about a draft, in no particular order. */
export function checkRules(draft: Draft): Finding[] {
  const findings: Finding[] = [];
  checkSizes(draft, findings);
  checkPoolReferences(draft, findings);
  checkBinds(draft, findings);
  for (const [name, listener] of draft.listeners) checkListener(draft, ["listeners", name], listener, findings);
  for (const [name, pool] of draft.pools) checkPool(draft, ["pools", name], pool, findings);
  return findings;
}

type Path = readonly PropertyKey[];

function error(code: IssueCode, path: Path, message: string, hint?: string): Finding {
  return { severity: "error", code, path, part: "value", message, hint };
}

function warning(code: IssueCode, path: Path, message: string, hint?: string): Finding {
  return { severity: "warning", code, path, part: "value", message, hint };
}

function checkSizes({ raw, listeners, pools }: Draft, findings: Finding[]): void {
  for (const section of ["listeners", "pools"]) {
    const map = valueAt(raw, [section]);
    const isEmpty = typeof map === "object" && map !== null && !Array.isArray(map) && Object.keys(map).length === 0;
    if (isEmpty) findings.push(error(IssueCode.MissingKey, [section], `expected at least one ${section.slice(0, -1)}`));
  }
  if (listeners.size > listenersMax)
    findings.push(
      error(IssueCode.TooMany, ["listeners"], `${listeners.size} listeners; a node holds at most ${listenersMax}`),
    );
  let endpoints = 0;
  for (const pool of pools.values()) endpoints += pool.endpoints?.length ?? 0;
  if (endpoints > endpointsMax)
    findings.push(
      error(IssueCode.TooMany, ["pools"], `${endpoints} endpoints in all pools; a node holds at most ${endpointsMax}`),
    );
}

/** Works on the raw file: a listener with a mistake elsewhere still uses its pools. */
function checkPoolReferences({ raw, listeners, pools }: Draft, findings: Finding[]): void {
  const used = new Set<string>();
  const use = (path: Path): void => {
    const name = valueAt(raw, path);
    if (typeof name !== "string") return;
    used.add(name);
    if (pools.has(name)) return;
    const near = nearestWord(name, pools.keys());
    const known = pools.size <= 8 ? `known: ${[...pools.keys()].join(", ")}` : undefined;
    findings.push(
      error(
        IssueCode.UnknownPool,
        path,
        `there is no pool ${show(name)}`,
        near === undefined ? known : `did you mean ${near}?`,
      ),
    );
  };
  // Without a single pool, "pools is missing" says it all.
  if (pools.size === 0) return;
  for (const name of listeners.keys()) {
    use(["listeners", name, "pool"]);
    const routes = valueAt(raw, ["listeners", name, "routes"]);
    if (!Array.isArray(routes)) continue;
    for (const index of routes.keys()) {
      use(["listeners", name, "routes", index, "pool"]);
      const split = valueAt(routes, [index, "split"]);
      if (typeof split === "object" && split !== null) for (const pool of Object.keys(split)) used.add(pool);
    }
  }
  for (const name of pools.keys()) {
    if (!used.has(name))
      findings.push({
        ...warning(IssueCode.Useless, ["pools", name], `no listener uses the pool ${name}`),
        part: "key",
      });
  }
}

function checkBinds({ raw, listeners, admin }: Draft, findings: Finding[]): void {
  const taken: { bind: BindAddress; owner: string }[] = [];
  const take = (bind: BindAddress, owner: string, path: Path): void => {
    // Port 0 is another free port each time.
    if (bind.port === 0) return;
    const other = taken.find((each) => each.bind.port === bind.port && overlaps(each.bind.host, bind.host));
    if (other === undefined) taken.push({ bind, owner });
    else
      findings.push(
        error(
          IssueCode.Conflict,
          path,
          `${showBind(bind)} is already taken by ${other.owner} (${showBind(other.bind)})`,
        ),
      );
  };
  // Where nobody wrote an admin address, the listener that takes it is what can be changed.
  const isAdminWritten = valueAt(raw, ["admin", "bind"]) !== undefined;
  if (admin?.bind !== undefined && !isAdminWritten) take(admin.bind, "admin.bind by default", ["admin"]);
  for (const [name, { bind }] of listeners) {
    const path = ["listeners", name, "bind"];
    const isList = Array.isArray(valueAt(raw, path));
    for (const [index, each] of bind?.entries() ?? [])
      if (each !== undefined) take(each, `listener ${name}`, isList ? [...path, index] : path);
  }
  if (admin?.bind !== undefined && isAdminWritten) take(admin.bind, "admin", ["admin", "bind"]);
}

/** Whether the kernel would refuse the second of the two addresses at one port. */
function overlaps(a: string, b: string): boolean {
  const isWild = (host: string): boolean => host === "*" || host === "0.0.0.0" || ipKey(host) === ipKey("::");
  const isIpv6 = (host: string): boolean => host.includes(":");
  if (a === "*" || b === "*") return true;
  if (isIpv6(a) !== isIpv6(b)) return false;
  return isWild(a) || isWild(b) || ipKey(a) === ipKey(b);
}

function showBind({ host, port }: BindAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function checkListener({ raw }: Draft, path: Path, listener: Parts<ListenerInput>, findings: Finding[]): void {
  const { limits, routes, timeouts, trust } = listener;
  const hasPool = valueAt(raw, [...path, "pool"]) !== undefined;
  const rawRoutes = valueAt(raw, [...path, "routes"]);
  if (!hasPool && (rawRoutes === undefined || (Array.isArray(rawRoutes) && rawRoutes.length === 0))) {
    findings.push({
      ...error(IssueCode.MissingKey, path, "a listener needs pool, routes or both"),
      part: "key",
    });
  }
  if (limits !== undefined && limits.targetBytes > limits.headBytes) {
    const place = valueAt(raw, [...path, "limits", "targetBytes"]) === undefined ? "headBytes" : "targetBytes";
    findings.push(
      warning(
        IssueCode.Conflict,
        [...path, "limits", place],
        `targetBytes (${formatSize(limits.targetBytes)}) is never reached: headBytes is ${formatSize(limits.headBytes)}`,
      ),
    );
  }
  if (
    timeouts !== undefined &&
    timeouts.body === 0 &&
    timeouts.minRate > 0 &&
    valueAt(raw, [...path, "timeouts", "minRate"]) !== undefined
  ) {
    findings.push(
      warning(
        IssueCode.Useless,
        [...path, "timeouts", "minRate"],
        "minRate is judged once body has passed, and body is 0s (no limit)",
      ),
    );
  }
  for (const [index, text] of trust?.entries() ?? []) {
    if (text !== undefined && parseCidr(text)?.hasHostBits === true)
      findings.push(
        warning(
          IssueCode.Useless,
          [...path, "trust", index],
          `${text} has bits set behind its prefix; they are ignored`,
        ),
      );
  }
  checkRoutes(path, routes ?? [], findings);
}

function checkRoutes(path: Path, routes: NonNullable<Parts<ListenerInput>["routes"]>, findings: Finding[]): void {
  const seen = new Map<string, number>();
  for (const [index, route] of routes.entries()) {
    if (route === undefined) continue;
    const { match } = route;
    const place = [...path, "routes", index];
    if (Object.values(match).every((part) => part === undefined || (Array.isArray(part) && part.length === 0))) {
      findings.push(
        error(
          IssueCode.Useless,
          [...place, "match"],
          "expected at least one of host, path, method, header",
          "what matches everything is the listener's pool",
        ),
      );
      continue;
    }
    const text = JSON.stringify([match.host, match.path, match.method, match.header]);
    const earlier = seen.get(text);
    if (earlier === undefined) seen.set(text, index);
    else findings.push(warning(IssueCode.Useless, place, `never reached: routes[${earlier}] matches the same`));
  }
}

function checkPool({ raw }: Draft, path: Path, pool: Parts<PoolInput>, findings: Finding[]): void {
  const { endpoints, health, retry, timeouts } = pool;
  if (endpoints !== undefined) checkEndpoints({ raw, path: [...path, "endpoints"], endpoints, findings });
  if (typeof health === "object") checkHealth([...path, "health"], health, findings);
  if (timeouts === undefined) return;
  if (
    retry !== undefined &&
    retry.attemptTimeout > 0 &&
    timeouts.response > 0 &&
    retry.attemptTimeout >= timeouts.response
  ) {
    const message = `no second attempt is ever made: attemptTimeout (${formatDuration(retry.attemptTimeout)}) is not below timeouts.response (${formatDuration(timeouts.response)})`;
    findings.push(warning(IssueCode.Conflict, [...path, "retry", "attemptTimeout"], message));
  }
  if (timeouts.total > 0 && timeouts.connect > timeouts.total) {
    const message = `connect (${formatDuration(timeouts.connect)}) is longer than total (${formatDuration(timeouts.total)})`;
    findings.push(warning(IssueCode.Conflict, [...path, "timeouts", "total"], message));
  }
  const hasResponse = valueAt(raw, [...path, "timeouts", "response"]) !== undefined;
  if (timeouts.total > 0 && hasResponse && timeouts.response > timeouts.total) {
    const message = `response (${formatDuration(timeouts.response)}) is longer than total (${formatDuration(timeouts.total)})`;
    findings.push(warning(IssueCode.Conflict, [...path, "timeouts", "response"], message));
  }
}

interface EndpointsToCheck {
  readonly raw: unknown;
  readonly path: Path;
  readonly endpoints: NonNullable<Parts<PoolInput>["endpoints"]>;
  readonly findings: Finding[];
}

function checkEndpoints({ raw, path, endpoints, findings }: EndpointsToCheck): void {
  const addresses = new Map<string, number>();
  const names = new Map<string, number>();
  for (const [index, endpoint] of endpoints.entries()) {
    if (endpoint === undefined) continue;
    const { address, name } = endpoint;
    const spot = [...path, index];
    const isMap = typeof valueAt(raw, spot) === "object";
    const identity = `${ipKey(address.host.toLowerCase())} ${address.port}`;
    const same = addresses.get(identity);
    if (same !== undefined) {
      findings.push(
        error(
          IssueCode.Conflict,
          isMap ? [...spot, "address"] : spot,
          `${address.text} is listed twice in this pool (endpoints[${same}])`,
          "one entry with a higher weight gets more requests",
        ),
      );
      continue;
    }
    addresses.set(identity, index);
    const called = name ?? address.text;
    const namesake = names.get(called);
    if (namesake === undefined) names.set(called, index);
    else
      findings.push(
        error(
          IssueCode.Conflict,
          name === undefined ? spot : [...spot, "name"],
          `the name ${called} is already that of endpoints[${namesake}]`,
        ),
      );
  }
  if (endpoints.length > 0 && endpoints.every((endpoint) => endpoint?.weight === 0)) {
    findings.push(warning(IssueCode.Useless, path, "every endpoint has weight 0: the pool takes no requests"));
  }
}

/** Fields that the check writes itself, or that would frame a body that it does not send. */
const ownCheckFields = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

function checkPassive(path: Path, { passive }: HealthInput, findings: Finding[]): void {
  if (passive === "off" || passive.ejectMax >= passive.eject) return;
  const message = `ejectMax (${formatDuration(passive.ejectMax)}) is shorter than eject (${formatDuration(passive.eject)})`;
  findings.push(error(IssueCode.Conflict, [...path, "ejectMax"], message));
}

function checkHealth(path: Path, health: HealthInput, findings: Finding[]): void {
  const { fastInterval, http, interval, tcp, timeout } = health;
  if (http !== undefined && tcp !== undefined)
    findings.push(
      error(
        IssueCode.Conflict,
        [...path, "tcp"],
        "a pool has one kind of check: http or tcp",
        "an http check connects, too",
      ),
    );
  if (timeout !== undefined && timeout > interval) {
    findings.push(
      warning(
        IssueCode.Conflict,
        [...path, "timeout"],
        `timeout (${formatDuration(timeout)}) is longer than interval (${formatDuration(interval)}): slow checks delay the next ones`,
      ),
    );
  }
  if (fastInterval !== undefined && fastInterval > interval) {
    findings.push(
      warning(
        IssueCode.Conflict,
        [...path, "fastInterval"],
        `fastInterval (${formatDuration(fastInterval)}) is longer than interval (${formatDuration(interval)})`,
      ),
    );
  }
  checkPassive([...path, "passive"], health, findings);
  if (http === undefined) return;
  for (const [place, body] of [
    [["body"], http.expect.body],
    [["drain", "body"], http.expect.drain?.body],
  ] as const) {
    if (http.method === "HEAD" && body !== undefined)
      findings.push(
        error(
          IssueCode.Conflict,
          [...path, "http", "expect", ...place],
          "the answer to HEAD has no body",
          "method: GET",
        ),
      );
  }
  const seen = new Set<string>();
  for (const { name } of http.headers) {
    const place = [...path, "http", "headers", name];
    const lower = name.toLowerCase();
    const hint = lower === "host" ? "use the key host beside headers" : undefined;
    if (ownCheckFields.has(lower))
      findings.push({
        ...error(IssueCode.Conflict, place, `the field ${name} is set by the check itself`, hint),
        part: "key",
      });
    if (seen.has(lower))
      findings.push({
        ...error(IssueCode.Conflict, place, `the field ${name} stands here twice: names are compared without case`),
        part: "key",
      });
    seen.add(lower);
  }
}

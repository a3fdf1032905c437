import { Byte, equalsIgnoringCase, latin1 } from "../../lib/bytes.ts";
import type { HeaderMatch, ListenerConfig, RouteConfig } from "../../model/config.ts";
import { authorityFrom, authorityTo } from "../http1/request-writer.ts";
import { Column, columns, type HeadParser } from "../http1/head-parser.ts";
import { Field, fieldOf } from "../http1/fields.ts";
import { needsNormalising, normalisePath } from "./path.ts";
import { hashFolded, RouteIndex, segmentEnd } from "./route-index.ts";

/** Index of the pool in the snapshot, or `noRoute`. */
export const noRoute = -1;

interface CompiledRoute {
  readonly hosts: readonly Uint8Array[];
  readonly path: Uint8Array | undefined;
  /** The prefix must end at a path segment; an exact path must end there altogether. */
  readonly isExact: boolean;
  readonly methods: readonly Uint8Array[];
  readonly headers: readonly CompiledHeader[];
  readonly pool: number;
}

interface CompiledHeader {
  readonly name: Uint8Array;
  readonly field: Field;
  readonly value: Uint8Array | undefined;
}

/** With fewer routes, trying them one by one is as fast as finding out which of them to try. */
const indexedFromUsual = 8;

/** The routes of a listener in the form in which a request is compared: bytes, tried in order, first match wins. */
export class Router {
  readonly #routes: readonly CompiledRoute[];
  readonly #index: RouteIndex | undefined;
  readonly #fallback: number;

  /** `poolIndex` gives the place of a pool in the snapshot; `indexedFrom` is there for tests. */
  constructor(
    listener: Pick<ListenerConfig, "routes" | "pool">,
    poolIndex: (name: string) => number,
    indexedFrom = indexedFromUsual,
  ) {
    this.#routes = listener.routes.map((route) => compile(route, poolIndex));
    this.#index = this.#routes.length >= indexedFrom ? new RouteIndex(this.#routes) : undefined;
    this.#fallback = listener.pool === undefined ? noRoute : poolIndex(listener.pool);
  }

  route(head: HeadParser, bytes: Uint8Array, base: number): number {
    const routes = this.#routes;
    if (routes.length === 0) return this.#fallback;
    const path = comparablePath(head, bytes, base);
    if (this.#index !== undefined) return this.#indexedRoute(this.#index, head, bytes, base, path);
    for (let which = 0; which < routes.length; which++) {
      const route = routes[which]!;
      if (matches(route, head, bytes, base, path)) return route.pool;
    }
    return this.#fallback;
  }

  /** The four lists in which the request's routes stand, walked together in the order of the file. */
  #indexedRoute(index: RouteIndex, head: HeadParser, bytes: Uint8Array, base: number, path: Uint8Array): number {
    const from = base + authorityFrom(head);
    const host = hashFolded(bytes, from, hostEnd(bytes, from, base + authorityTo(head)));
    const segment = hashFolded(path, 1, segmentEnd(path));
    const both = index.both(host, segment);
    const byHost = index.byHost(host);
    const bySegment = index.bySegment(segment);
    const neither = index.neither;
    for (let a = 0, b = 0, c = 0, d = 0; ;) {
      const first = both[a] ?? Infinity;
      const second = byHost[b] ?? Infinity;
      const third = bySegment[c] ?? Infinity;
      const fourth = neither[d] ?? Infinity;
      const least = Math.min(first, second, third, fourth);
      if (least === Infinity) return this.#fallback;
      const route = this.#routes[least]!;
      if (matches(route, head, bytes, base, path)) return route.pool;
      if (least === first) a++;
      else if (least === second) b++;
      else if (least === third) c++;
      else d++;
    }
  }
}

/**
 * The path as routes see it: dot segments and doubled slashes resolved, unreserved characters decoded, so that no
 * spelling of a path slips past a rule (RFC 3986 §6.2.2). What is forwarded stays as the client wrote it.
 */
function comparablePath(head: HeadParser, bytes: Uint8Array, base: number): Uint8Array {
  const path = bytes.subarray(base + head.pathStart, base + head.queryStart);
  return needsNormalising(path) ? normalisePath(path) : path;
}

function compile(route: RouteConfig, poolIndex: (name: string) => number): CompiledRoute {
  const { host, path, method, headers } = route.match;
  let pathBytes = path === undefined ? undefined : latin1(path.path);
  // "/v2/" matches "/v2" as well: the slash at the end only says where a segment ends.
  if (path?.kind === "prefix" && pathBytes !== undefined && pathBytes.at(-1) === Byte.Slash)
    pathBytes = pathBytes.subarray(0, -1);
  return {
    hosts: (host ?? []).map((name) => latin1(name)),
    path: pathBytes,
    isExact: path?.kind === "exact",
    methods: (method ?? []).map((name) => latin1(name)),
    headers: (headers ?? []).map(compileHeader),
    pool: poolIndex(route.pool),
  };
}

function compileHeader(match: HeaderMatch): CompiledHeader {
  const name = latin1(match.name.toLowerCase());
  return {
    name,
    field: fieldOf(name, 0, name.length),
    value: match.value === undefined ? undefined : latin1(match.value),
  };
}

function matches(route: CompiledRoute, head: HeadParser, bytes: Uint8Array, base: number, path: Uint8Array): boolean {
  if (route.path !== undefined && !matchesPath(route.path, route.isExact, path)) return false;
  if (route.hosts.length > 0 && !matchesHost(route.hosts, head, bytes, base)) return false;
  if (route.methods.length > 0 && !matchesMethod(route.methods, head, bytes, base)) return false;
  for (let which = 0; which < route.headers.length; which++) {
    if (!matchesHeader(route.headers[which]!, head, bytes, base)) return false;
  }
  return true;
}

function matchesPath(wanted: Uint8Array, isExact: boolean, path: Uint8Array): boolean {
  const length = wanted.length;
  if (path.length < length) return false;
  if (isExact && path.length !== length) return false;
  for (let at = 0; at < length; at++) if (path[at] !== wanted[at]) return false;
  return path.length === length || path[length] === Byte.Slash;
}

function matchesHost(hosts: readonly Uint8Array[], head: HeadParser, bytes: Uint8Array, base: number): boolean {
  const from = base + authorityFrom(head);
  const to = hostEnd(bytes, from, base + authorityTo(head));
  for (let which = 0; which < hosts.length; which++) {
    if (equalsIgnoringCase(bytes, from, to, hosts[which]!)) return true;
  }
  return false;
}

/** Where the port begins; a name's final dot (the DNS root) does not count. */
function hostEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  if (bytes[at] === 0x5b) while (at < to && bytes[at] !== 0x5d) at++;
  while (at < to && bytes[at] !== Byte.Colon) at++;
  return at > from && bytes[at - 1] === 0x2e ? at - 1 : at;
}

function matchesMethod(methods: readonly Uint8Array[], head: HeadParser, bytes: Uint8Array, base: number): boolean {
  const from = base + head.methodStart;
  const length = head.methodEnd - head.methodStart;
  for (let which = 0; which < methods.length; which++) {
    const method = methods[which]!;
    let at = 0;
    while (at < length && bytes[from + at] === method[at]) at++;
    if (at === length && length === method.length) return true;
  }
  return false;
}

function matchesHeader(wanted: CompiledHeader, head: HeadParser, bytes: Uint8Array, base: number): boolean {
  const fields = head.fields;
  for (let row = 0, cell = 0; row < head.fieldCount; row++, cell += columns) {
    if ((fields[cell + Column.Id]! & 0xff) !== wanted.field) continue;
    const name = base + fields[cell + Column.Name]!;
    if (!equalsIgnoringCase(bytes, name, base + fields[cell + Column.NameEnd]!, wanted.name)) continue;
    if (wanted.value === undefined) return true;
    const value = base + fields[cell + Column.Value]!;
    const length = fields[cell + Column.ValueEnd]! - fields[cell + Column.Value]!;
    let at = 0;
    while (at < length && bytes[value + at] === wanted.value[at]) at++;
    if (at === length && length === wanted.value.length) return true;
  }
  return false;
}

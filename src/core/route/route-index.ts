import { Byte } from "../../lib/bytes.ts";

/** What a route is found by. */
export interface RouteKeys {
  /** Lower case; empty: any host. */
  readonly hosts: readonly Uint8Array[];
  /** Absent: any path. */
  readonly path: Uint8Array | undefined;
}

/** Numbers of routes, ascending. */
export type RouteList = readonly number[];

const none: RouteList = [];

/**
 * Finds the few routes that can match at all, so that a thousand routes cost a request no more than ten. Every route
 * stands in the list for what it asks for: host and first segment of the path together, one of them, or neither. Equal
 * hashes only make a list longer: who is in it is compared in full. The first match is the least number in the four lists
 * of a request that matches.
 */
export class RouteIndex {
  readonly neither: RouteList;
  readonly #both = new Map<number, number[]>();
  readonly #byHost = new Map<number, number[]>();
  readonly #bySegment = new Map<number, number[]>();

  constructor(routes: readonly RouteKeys[]) {
    const neither: number[] = [];
    for (const [number, { hosts, path }] of routes.entries()) {
      const segmentTo = path === undefined ? 0 : segmentEnd(path);
      const segment = segmentTo > 1 ? hashFolded(path!, 1, segmentTo) : undefined;
      if (hosts.length === 0) {
        if (segment === undefined) neither.push(number);
        else add(this.#bySegment, segment, number);
      }
      // Two spellings of one host in a route must not put it there twice.
      for (const host of new Set(hosts.map((name) => hashFolded(name, 0, name.length)))) {
        if (segment === undefined) add(this.#byHost, host, number);
        else add(this.#both, combine(host, segment), number);
      }
    }
    this.neither = neither;
  }

  both(host: number, segment: number): RouteList {
    return this.#both.get(combine(host, segment)) ?? none;
  }

  byHost(host: number): RouteList {
    return this.#byHost.get(host) ?? none;
  }

  bySegment(segment: number): RouteList {
    return this.#bySegment.get(segment) ?? none;
  }
}

/** Where the first segment of a path ends; it begins at 1. */
export function segmentEnd(path: Uint8Array): number {
  let at = 1;
  while (at < path.length && path[at] !== Byte.Slash) at++;
  return at;
}

/** FNV-1a, 32 bits, with ASCII letters in lower case. */
export function hashFolded(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!;
    hash = Math.imul(hash ^ (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte), 0x01000193);
  }
  return hash;
}

function combine(host: number, segment: number): number {
  return Math.imul(host, 31) ^ segment;
}

function add(lists: Map<number, number[]>, key: number, number: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [number]);
  else if (list.at(-1) !== number) list.push(number);
}

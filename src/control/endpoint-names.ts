import { ipFamily } from "../lib/ip.ts";
import type { Config } from "../model/config.ts";
import type { Log } from "../observe/log.ts";
import type { Cancel, Names, Timers } from "../platform/ports.ts";

const resolveTimeoutMs = 2_000;
const retryMs = 5_000;
/** Names asked for at the same time: each waits in a thread of its own. */
const parallelMax = 16;

export interface EndpointNamesPorts {
  readonly names: Names;
  readonly timers: Timers;
  readonly log: Log;
}

/**
 * Addresses of endpoints that are given by host name. A name that does not resolve is asked for again every 5 s; one
 * that did keeps its address until the configuration is loaded again. Requests never wait for a resolver.
 */
export class EndpointNames {
  readonly #ports: EndpointNamesPorts;
  /** Called when a name that was missing has got its address. */
  readonly #onFound: () => void;
  #addresses: ReadonlyMap<string, string> = new Map();
  #missing: ReadonlyMap<string, string> = new Map();
  #cancelRetry: Cancel | undefined;
  #isStopped = false;

  constructor(ports: EndpointNamesPorts, onFound: () => void) {
    this.#ports = ports;
    this.#onFound = onFound;
  }

  /** What is in use. */
  get known(): ResolvedNames {
    return { addresses: this.#addresses, missing: this.#missing };
  }

  /** Asks for every name of a configuration, without keeping the answers. */
  async resolveAll(config: Config): Promise<ResolvedNames> {
    const hosts = new Set(config.pools.flatMap(({ endpoints }) => endpoints.map(({ host }) => host)));
    return this.#ask([...hosts].filter((host) => ipFamily(host) === 0));
  }

  /** From now on these are the addresses. */
  use(resolved: ResolvedNames): void {
    for (const [host, why] of resolved.missing) {
      if (!this.#missing.has(host))
        this.#ports.log("warn", "name-unresolved", `endpoint name ${host}: ${why}; its endpoints are DOWN`);
    }
    this.#addresses = resolved.addresses;
    this.#missing = resolved.missing;
    this.#cancelRetry?.();
    if (!this.#isStopped && resolved.missing.size > 0) {
      this.#cancelRetry = this.#ports.timers.after(retryMs, () => void this.#retry(resolved));
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelRetry?.();
  }

  async #retry(before: ResolvedNames): Promise<void> {
    const { addresses: found, missing } = await this.#ask([...before.missing.keys()]);
    // Another configuration came in between, with its own answers.
    if (this.#isStopped || this.#missing !== before.missing) return;
    for (const [host, ip] of found) this.#ports.log("info", "name-resolved", `endpoint name ${host} is ${ip} now`);
    this.use({ addresses: new Map([...before.addresses, ...found]), missing });
    if (found.size > 0) this.#onFound();
  }

  async #ask(hosts: readonly string[]): Promise<ResolvedNames> {
    const addresses = new Map<string, string>();
    const missing = new Map<string, string>();
    const left = [...hosts];
    const ask = async () => {
      for (let host = left.shift(); host !== undefined; host = left.shift()) {
        const answer = await this.#ports.names.resolve(host, { timeoutMs: resolveTimeoutMs });
        if (answer.ok) addresses.set(host, answer.value);
        else missing.set(host, answer.text);
      }
    };
    await Promise.all(Array.from({ length: parallelMax }, ask));
    return { addresses, missing };
  }
}

export interface ResolvedNames {
  /** IP literal by host name. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Why, by host name. */
  readonly missing: ReadonlyMap<string, string>;
}

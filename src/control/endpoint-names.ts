import { ipFamily } from "../lib/ip.ts";
import type { Config } from "../model/config.ts";
import type { Log } from "../observe/log.ts";
import type { Cancel, Names, Timers } from "../platform/ports.ts";

const resolveTimeoutMs = 2_000;
/** All names, in good times. */
const refreshMs = 30_000;
/** Names that do not resolve, or whose endpoints seem to be down; and no name more often than this. */
const retryMs = 5_000;
/** Names asked for at the same time: each waits in a thread of its own. */
const parallelMax = 16;

export interface EndpointNamesPorts {
  readonly names: Names;
  readonly timers: Timers;
  readonly log: Log;
}

export interface ResolvedNames {
  /** IP literal by host name. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Why there is no address, by host name. */
  readonly missing: ReadonlyMap<string, string>;
  /** Why the address is only the last one known, by host name. */
  readonly stale: ReadonlyMap<string, string>;
}

/**
 * Addresses of endpoints that are given by host name. All are asked for every 30 s, those that do not resolve every 5 s,
 * and one whose endpoint failed its checks at once. A resolver that fails takes nothing away: the last address stays. An
 * address stays, too, while it is among a name's addresses, whatever their order. Requests never wait for a resolver.
 */
export class EndpointNames {
  readonly #ports: EndpointNamesPorts;
  /** Called when a name has got another address, or its first. */
  readonly #onChange: () => void;
  #known: ResolvedNames = { addresses: new Map(), missing: new Map(), stale: new Map() };
  #cancelRefresh: Cancel | undefined;
  /** Names that were asked for out of turn, less than `retryMs` ago. */
  readonly #suspected = new Set<string>();
  readonly #cancelSuspicion = new Map<string, Cancel>();
  /** Rounds since all names were asked for. */
  #rounds = 0;
  #isStopped = false;

  constructor(ports: EndpointNamesPorts, onChange: () => void) {
    this.#ports = ports;
    this.#onChange = onChange;
  }

  /** What is in use. */
  get known(): ResolvedNames {
    return this.#known;
  }

  /** Asks for every name of a configuration, without keeping the answers. */
  async resolveAll(config: Config): Promise<ResolvedNames> {
    const hosts = new Set(config.pools.flatMap(({ endpoints }) => endpoints.map(({ host }) => host)));
    return this.#ask([...hosts].filter((host) => ipFamily(host) === 0));
  }

  /** From now on these are the addresses. */
  use(resolved: ResolvedNames): void {
    const { log } = this.#ports;
    const before = this.#known;
    for (const [host, why] of resolved.missing) {
      if (!before.missing.has(host))
        log("warn", "name-unresolved", `endpoint name ${host}: ${why}; its endpoints are DOWN`);
    }
    for (const [host, why] of resolved.stale) {
      if (!before.stale.has(host))
        log("warn", "name-stale", `endpoint name ${host}: ${why}; ${resolved.addresses.get(host)} stays in use`);
    }
    for (const [host, ip] of resolved.addresses) {
      const was = before.addresses.get(host);
      const isNews = was !== undefined ? was !== ip : before.missing.has(host);
      if (isNews)
        log("info", "name-resolved", `endpoint name ${host} is ${ip} now${was === undefined ? "" : `, was ${was}`}`);
      else if (before.stale.has(host) && !resolved.stale.has(host))
        log("info", "name-resolved", `endpoint name ${host} resolves again`);
    }
    this.#known = resolved;
    this.#plan();
  }

  /** The checks of an endpoint with this host failed: perhaps it moved. */
  suspect(host: string): void {
    if (ipFamily(host) !== 0 || this.#suspected.has(host) || this.#isStopped) return;
    this.#suspected.add(host);
    const forget = (): void => {
      this.#suspected.delete(host);
      this.#cancelSuspicion.delete(host);
    };
    this.#cancelSuspicion.set(host, this.#ports.timers.after(retryMs, forget));
    void this.#lookFor(host);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelRefresh?.();
    for (const cancel of this.#cancelSuspicion.values()) cancel();
  }

  #plan(): void {
    this.#cancelRefresh?.();
    this.#cancelRefresh = undefined;
    const { addresses, missing, stale } = this.#known;
    if (this.#isStopped || addresses.size + missing.size === 0) return;
    const troubled = [...missing.keys(), ...stale.keys()];
    this.#cancelRefresh = this.#ports.timers.after(troubled.length > 0 ? retryMs : refreshMs, () => {
      const isAll = troubled.length === 0 || ++this.#rounds * retryMs >= refreshMs;
      if (isAll) this.#rounds = 0;
      void this.#refresh(isAll ? [...addresses.keys(), ...missing.keys()] : troubled);
    });
  }

  /** One name, out of turn. Where it says nothing new, the plan for all of them stays. */
  async #lookFor(host: string): Promise<void> {
    const before = this.#known;
    const found = (await this.#ask([host])).addresses.get(host);
    if (this.#isStopped || this.#known !== before || found === undefined || found === before.addresses.get(host))
      return;
    const without = <T>(of: ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
      new Map([...of].filter(([each]) => each !== host));
    this.use({
      addresses: new Map([...before.addresses, [host, found]]),
      missing: without(before.missing),
      stale: without(before.stale),
    });
    this.#onChange();
  }

  async #refresh(hosts: readonly string[]): Promise<void> {
    const before = this.#known;
    const found = await this.#ask(hosts);
    // Another configuration, or another answer, came in between and has planned the next round.
    if (this.#isStopped || this.#known !== before) return;
    const asked = new Set(hosts);
    const others = <T>(of: ReadonlyMap<string, T>): (readonly [string, T])[] =>
      [...of].filter(([host]) => !asked.has(host));
    this.use({
      addresses: new Map([...others(before.addresses), ...found.addresses]),
      missing: new Map([...others(before.missing), ...found.missing]),
      stale: new Map([...others(before.stale), ...found.stale]),
    });
    for (const [host, ip] of found.addresses) {
      if (before.addresses.get(host) !== ip) return this.#onChange();
    }
  }

  async #ask(hosts: readonly string[]): Promise<ResolvedNames> {
    const addresses = new Map<string, string>();
    const missing = new Map<string, string>();
    const stale = new Map<string, string>();
    const left = [...hosts];
    const ask = async () => {
      for (let host = left.shift(); host !== undefined; host = left.shift()) {
        const answer = await this.#ports.names.resolve(host, { timeoutMs: resolveTimeoutMs });
        const last = this.#known.addresses.get(host);
        const ip = !answer.ok || (last !== undefined && answer.value.includes(last)) ? last : answer.value[0];
        if (ip !== undefined) addresses.set(host, ip);
        if (answer.ok) continue;
        if (ip === undefined) missing.set(host, answer.text);
        else stale.set(host, answer.text);
      }
    };
    await Promise.all(Array.from({ length: parallelMax }, ask));
    return { addresses, missing, stale };
  }
}

import { dirname, join } from "node:path";
import { overrideText } from "../core/health/why-text.ts";
import { fnv1a64 } from "../lib/fnv.ts";
import type { Config } from "../model/config.ts";
import { type EndpointOverride, type OverrideRequest, overrideTextMax, weightMax } from "../model/override.ts";
import type { Log } from "../observe/log.ts";
import type { Clock, Files } from "../platform/ports.ts";

export interface OverridesPlatform {
  readonly files: Pick<Files, "readText" | "replaceText" | "makeFolder">;
  readonly clock: Pick<Clock, "wallMs">;
}

const none: ReadonlyMap<string, EndpointOverride> = new Map();

/**
 * What someone set at run time, by pool and endpoint, and the file that keeps it. The file is replaced as a whole and is
 * on disk when `set` returns; where that fails (disk full, no right to write) the override holds all the same, until the
 * instance ends, and whoever set it is told.
 */
export class Overrides {
  readonly #platform: OverridesPlatform;
  readonly #log: Log;
  readonly #path: string;
  readonly #pools = new Map<string, Map<string, EndpointOverride>>();

  /** The admin socket tells instances apart that share a data folder. */
  constructor({ process, admin }: Pick<Config, "process" | "admin">, platform: OverridesPlatform, log: Log) {
    this.#path = join(process.data, `overrides-${fnv1a64(admin.socket)}.json`);
    this.#platform = platform;
    this.#log = log;
  }

  /** Reads what an earlier run of the instance kept. */
  load(): void {
    const log = this.#log;
    const text = this.#platform.files.readText(this.#path);
    if (!text.ok) {
      if (text.code === "ENOENT" || text.code === "ENOTDIR") return;
      return log("error", "overrides-unreadable", `overrides ${this.#path}: ${text.text}; starting without them`);
    }
    const entries = parseOverrides(text.value);
    if (entries === undefined)
      return log("error", "overrides-unreadable", `overrides ${this.#path}: broken; starting without them`);
    for (const { pool, endpoint, ...override } of entries) {
      this.#put(pool, endpoint, override);
      log("info", "override-kept", `${pool}/${endpoint} keeps ${overrideWords(override)}`);
    }
  }

  /** By the endpoint's name. */
  of(pool: string): ReadonlyMap<string, EndpointOverride> {
    return this.#pools.get(pool) ?? none;
  }

  /** Sets or takes back; the caller knows that the endpoint exists. `notSaved` says why the file could not be written. */
  set({ pool, endpoint, change, actor, reason }: OverrideRequest): {
    readonly override?: EndpointOverride;
    readonly notSaved?: string;
  } {
    const { state, weight } = this.of(pool).get(endpoint) ?? {};
    const by = { actor, ...(reason === undefined ? {} : { reason }), sinceAt: this.#platform.clock.wallMs() };
    const now =
      change.kind === "state"
        ? entryOf(change.state === "ready" ? undefined : { value: change.state, ...by }, weight)
        : entryOf(state, change.weight === null ? undefined : { value: change.weight, ...by });
    this.#put(pool, endpoint, now);
    const notSaved = this.#save();
    return {
      ...(isEmpty(now) ? {} : { override: now }),
      ...(notSaved === undefined ? {} : { notSaved }),
    };
  }

  /**
   * An accepted configuration: what stands over endpoints that it does not have is given up, so that a machine that comes
   * back under an old name is not out of service for a forgotten reason.
   */
  keepOnly(config: Config): void {
    const left: string[] = [];
    for (const [pool, endpoints] of this.#pools) {
      const names = new Set(config.pools.find(({ name }) => name === pool)?.endpoints.map(({ name }) => name));
      for (const endpoint of endpoints.keys()) {
        if (names.has(endpoint)) continue;
        left.push(`${pool}/${endpoint}`);
        this.#put(pool, endpoint, {});
      }
    }
    if (left.length === 0) return;
    this.#log(
      "warn",
      "override-dropped",
      `overrides of endpoints that are not configured any more: ${left.join(", ")}`,
    );
    const notSaved = this.#save();
    if (notSaved !== undefined) this.#log("error", "override-not-saved", notSaved);
  }

  #put(pool: string, endpoint: string, override: EndpointOverride): void {
    const endpoints = this.#pools.get(pool) ?? new Map<string, EndpointOverride>();
    if (isEmpty(override)) endpoints.delete(endpoint);
    else endpoints.set(endpoint, override);
    if (endpoints.size === 0) this.#pools.delete(pool);
    else this.#pools.set(pool, endpoints);
  }

  #save(): string | undefined {
    const { files } = this.#platform;
    const entries = [...this.#pools].flatMap(([pool, endpoints]) =>
      [...endpoints].map(([endpoint, override]) => ({ pool, endpoint, ...override })),
    );
    const made = files.makeFolder(dirname(this.#path), { mode: 0o750 });
    const text = `${JSON.stringify({ version: 1, overrides: entries }, undefined, 2)}\n`;
    const written = made.ok ? files.replaceText(this.#path, text) : made;
    return written.ok ? undefined : `overrides ${this.#path}: ${written.text}; they hold until the instance ends`;
  }
}

/** `MAINT by anna: new disk, weight 5 by ben` */
function overrideWords({ state, weight }: EndpointOverride): string {
  return [
    ...(state === undefined ? [] : [`${state.value.toUpperCase()} ${overrideText(state)}`]),
    ...(weight === undefined ? [] : [`weight ${weight.value} ${overrideText(weight)}`]),
  ].join(", ");
}

/** Who or why, as it may stand in logs and on terminals; undefined for what may not. */
export function printableText(value: unknown): string | undefined {
  // oxlint-disable-next-line no-control-regex
  return typeof value === "string" && /^[^\u0000-\u001f\u007f-\u009f]+$/.test(value) && value.length <= overrideTextMax
    ? value
    : undefined;
}

function entryOf(state: EndpointOverride["state"], weight: EndpointOverride["weight"]): EndpointOverride {
  return { ...(state === undefined ? {} : { state }), ...(weight === undefined ? {} : { weight }) };
}

function isEmpty({ state, weight }: EndpointOverride): boolean {
  return state === undefined && weight === undefined;
}

type Entry = EndpointOverride & { readonly pool: string; readonly endpoint: string };

/** Undefined where the file is not what `save` wrote. */
function parseOverrides(text: string): readonly Entry[] | undefined {
  try {
    const { version, overrides } = JSON.parse(text) as { version?: unknown; overrides?: unknown };
    if (version !== 1 || !Array.isArray(overrides)) return undefined;
    const entries = overrides.map(entryFrom);
    return entries.every((entry) => entry !== undefined) ? entries : undefined;
  } catch {
    return undefined;
  }
}

function entryFrom(value: unknown): Entry | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { pool, endpoint, state, weight } = value as Record<string, unknown>;
  if (typeof pool !== "string" || typeof endpoint !== "string") return undefined;
  if (state !== undefined && !isOverride(state, (given) => given === "drain" || given === "maint")) return undefined;
  if (weight !== undefined && !isOverride(weight, isWeight)) return undefined;
  return { pool, endpoint, ...entryOf(state as EndpointOverride["state"], weight as EndpointOverride["weight"]) };
}

function isOverride(value: unknown, isValue: (given: unknown) => boolean): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { value: given, actor, reason, sinceAt } = value as Record<string, unknown>;
  return (
    isValue(given) &&
    printableText(actor) !== undefined &&
    (reason === undefined || printableText(reason) !== undefined) &&
    typeof sinceAt === "number"
  );
}

/** 0..256 */
export function isWeight(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= weightMax;
}

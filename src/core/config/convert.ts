import type {
  Config,
  EndpointConfig,
  HealthConfig,
  ListenerConfig,
  LogConfig,
  PassiveConfig,
  PoolConfig,
  RouteConfig,
} from "../../model/config.ts";
import type { ConfigInput } from "./schema.ts";
import type { ListenerInput } from "./schema-listener.ts";
import type { HealthInput, PoolInput } from "./schema-pool.ts";

/** Values that depend on how the program was started; the pure core cannot know them. */
export interface Defaults {
  readonly socket?: string;
  readonly data?: string;
  readonly user?: string;
}

const systemSocket = "/run/weichensteller/admin.sock";
const systemData = "/var/lib/weichensteller";
const fastIntervalMsDefault = 200;
const checkTimeoutMsDefault = 1000;

/** From what the schema made of a file to the model: units in names, lists for maps, the last defaults. */
export function toConfig(input: ConfigInput, defaults: Defaults): Config {
  const { admin, process } = input;
  const user = process.user ?? defaults.user;
  return {
    listeners: Object.entries(input.listeners).map(([name, listener]) => toListener(name, listener)),
    pools: Object.entries(input.pools).map(([name, pool]) => toPool(name, pool)),
    admin: {
      ...(admin.bind === undefined ? {} : { bind: admin.bind }),
      socket: admin.socket ?? defaults.socket ?? systemSocket,
    },
    process: {
      workers: process.workers,
      connections: process.connections,
      data: process.data ?? defaults.data ?? systemData,
      ...(user === undefined ? {} : { user }),
      drainMs: process.drain,
    },
    log: toLog(input.log),
  };
}

function toLog({ level, format, access }: ConfigInput["log"]): LogConfig {
  if (access === undefined) return { level, format };
  const { format: form, sample, file } = access;
  return {
    level,
    format,
    access: { format: form, sample, ...(file === undefined ? {} : { file }) },
  };
}

function toListener(name: string, input: ListenerInput): ListenerConfig {
  const { limits, timeouts } = input;
  return {
    name,
    bind: input.bind,
    protocol: input.protocol,
    ...(input.pool === undefined ? {} : { pool: input.pool }),
    trust: input.trust,
    limits: {
      connections: limits.connections,
      headBytes: limits.headBytes,
      headers: limits.headers,
      targetBytes: limits.targetBytes,
      ...(limits.bodyBytes === undefined ? {} : { bodyBytes: limits.bodyBytes }),
    },
    timeouts: {
      headMs: timeouts.head,
      idleMs: timeouts.idle,
      bodyMs: timeouts.body,
      minRate: timeouts.minRate,
      writeMs: timeouts.write,
    },
    forward: input.forward,
    underscores: input.underscores,
    halfClose: input.halfClose,
    routes: input.routes.map(toRoute),
  };
}

function toRoute({ match: { host, path, method, header }, pool }: ListenerInput["routes"][number]): RouteConfig {
  const match = {
    ...(host === undefined ? {} : { host }),
    ...(path === undefined ? {} : { path }),
    ...(method === undefined ? {} : { method }),
    ...(header === undefined ? {} : { headers: header }),
  };
  return { match, pool };
}

function toPool(name: string, input: PoolInput): PoolConfig {
  const { retry, timeouts } = input;
  return {
    name,
    balance: input.balance,
    endpoints: input.endpoints.map(toEndpoint),
    ...(input.health === "off" ? {} : { health: toHealth(input.health) }),
    slowStartMs: input.slowStart,
    retry: {
      attempts: retry.attempts,
      attemptTimeoutMs: retry.attemptTimeout,
      on: retry.on,
      budget: {
        share: retry.budget.share,
        minPerSecond: retry.budget.min,
        burst: retry.budget.burst,
      },
      bodyBytes: retry.bodyBytes,
    },
    timeouts: {
      connectMs: timeouts.connect,
      responseMs: timeouts.response,
      idleMs: timeouts.idle,
      totalMs: timeouts.total,
    },
    reuse: input.reuse,
  };
}

function toEndpoint({ address, name, weight, backup }: PoolInput["endpoints"][number]): EndpointConfig {
  return { name: name ?? address.text, host: address.host, port: address.port, weight, backup };
}

function toHealth(input: HealthInput): HealthConfig {
  const { fastInterval, initial, interval, jitter, fall, rise, timeout } = input;
  return {
    check: toCheck(input),
    intervalMs: interval,
    fastIntervalMs: fastInterval ?? Math.min(fastIntervalMsDefault, interval),
    timeoutMs: timeout ?? Math.min(checkTimeoutMsDefault, interval),
    rise,
    fall,
    jitter,
    initial,
    ...(input.passive === "off" ? {} : { passive: toPassive(input.passive) }),
  };
}

function toPassive({
  failures,
  within,
  eject,
  ejectMax,
  share,
}: Exclude<HealthInput["passive"], "off">): PassiveConfig {
  return { failures, withinMs: within, ejectMs: eject, ejectMaxMs: ejectMax, share };
}

function toCheck({ http, tcp }: HealthInput): HealthConfig["check"] {
  if (http === undefined) return { kind: "tcp", ...(tcp?.port === undefined ? {} : { port: tcp.port }) };
  const { status, body, drain } = http.expect;
  return {
    kind: "http",
    method: http.method,
    path: http.path,
    ...(http.host === undefined ? {} : { host: http.host }),
    ...(http.port === undefined ? {} : { port: http.port }),
    headers: http.headers,
    expect: {
      status,
      ...(body === undefined ? {} : { body }),
      ...(drain === undefined ? {} : { drain: toDrain(drain) }),
    },
  };
}

type DrainInput = NonNullable<NonNullable<HealthInput["http"]>["expect"]["drain"]>;

function toDrain({ status, body }: DrainInput): { readonly status: DrainInput["status"]; readonly body?: string } {
  return body === undefined ? { status } : { status, body };
}

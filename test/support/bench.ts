import { type Balancer, type BalancerOptions, startBalancer } from "./balancer.ts";
import type { Address } from "./raw-client.ts";
import { type OriginScript, RawOrigin, startOrigin } from "./raw-origin.ts";

/** One balancer before raw origins, with a listener `http` and a pool `origin`, and no checks of its own in between. */
export interface Bench {
  readonly balancer: Balancer;
  readonly origins: readonly RawOrigin[];
  /** The first one. */
  readonly origin: RawOrigin;
  readonly address: Address;
  stop(): Promise<void>;
}

export interface BenchPlan extends BalancerOptions {
  readonly scripts?: readonly OriginScript[];
  /** Further lines of the listener and of the pool, `key: value` each. */
  readonly listener?: readonly string[];
  readonly pool?: readonly string[];
}

export async function startBench(plan: BenchPlan = {}): Promise<Bench> {
  const origins = (plan.scripts ?? [undefined]).map((script) => startOrigin(script));
  const lines = (keys: readonly string[] | undefined): string => (keys ?? []).map((key) => `    ${key}\n`).join("");
  const yaml = `listeners:
  http:
    bind: 127.0.0.1:0
    pool: origin
${lines(plan.listener)}pools:
  origin:
    health: off
    endpoints: [${origins.map((one) => one.endpoint).join(", ")}]
${lines(plan.pool)}`;
  const balancer = await startBalancer(yaml, plan);
  const stop = async (): Promise<void> => {
    await balancer.stop();
    for (const one of origins) one.stop();
  };
  return { balancer, origins, origin: origins[0]!, address: balancer.address("http"), stop };
}

/** `GET target` with the given further lines. */
export function get(target = "/", ...lines: readonly string[]): string {
  return [`GET ${target} HTTP/1.1`, "Host: a", ...lines, "", ""].join("\r\n");
}

/** A request with Content-Length. */
export function send(method: string, target: string, body: string, ...lines: readonly string[]): string {
  return [`${method} ${target} HTTP/1.1`, "Host: a", `Content-Length: ${body.length}`, ...lines, "", body].join("\r\n");
}

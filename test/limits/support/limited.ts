import { type Balancer, type BalancerOptions, startBalancer } from "../../support/balancer.ts";
import { type Address, connectRaw, type RawClient } from "../../support/raw-client.ts";
import { eventually } from "../../support/within.ts";
import { HeldOrigin } from "./held-origin.ts";

export interface Limited {
  readonly balancer: Balancer;
  readonly origins: readonly HeldOrigin[];
  readonly origin: HeldOrigin;
  readonly address: Address;
}

export interface LimitedPlan extends BalancerOptions {
  readonly origins?: number;
  /** Of every endpoint, as in the configuration. */
  readonly limits?: string;
  readonly pool?: readonly string[];
  readonly listener?: readonly string[];
  /** Further sections. */
  readonly top?: readonly string[];
}

/** Runs a test against one balancer in front of held origins, without health checks; at its end nothing runs any more. */
export async function withLimited(plan: LimitedPlan, run: (limited: Limited) => Promise<void>): Promise<void> {
  const origins = Array.from({ length: plan.origins ?? 1 }, () => new HeldOrigin());
  const limits = plan.limits === undefined ? "" : `, limits: ${plan.limits}`;
  const endpoints = origins.map((one) => `{ address: "${one.endpoint}"${limits} }`);
  const lines = (keys: readonly string[] | undefined): string => (keys ?? []).map((key) => `    ${key}\n`).join("");
  const yaml = `${(plan.top ?? []).map((line) => `${line}\n`).join("")}listeners:
  http:
    bind: 127.0.0.1:0
    pool: origin
${lines(plan.listener)}pools:
  origin:
    health: off
    endpoints: [${endpoints.join(", ")}]
${lines(plan.pool)}`;
  const balancer = await startBalancer(yaml, { workers: 2, ...plan });
  try {
    await run({ balancer, origins, origin: origins[0]!, address: balancer.address("http") });
    await untilNothingRuns(balancer);
  } finally {
    await balancer.stop();
    for (const one of origins) one.stop();
  }
}

/** No exchange, no attempt, and nobody in a queue. */
export async function untilNothingRuns(balancer: Balancer): Promise<void> {
  await balancer.untilIdle();
  await balancer.untilStatus("queues are empty", (view) =>
    view.pools.every(({ counters }) => counters.queuedNow === 0),
  );
}

export async function queued(balancer: Balancer, count: number): Promise<void> {
  await balancer.untilStatus(`${count} wait`, (view) => view.pools[0]?.counters.queuedNow === count);
}

/** Connections, by the worker that accepted each: at least `each` for every worker. Which one accepts is the kernel's choice. */
export async function clientsPerWorker(
  { balancer, address }: Pick<Limited, "balancer" | "address">,
  each: number,
): Promise<readonly (readonly RawClient[])[]> {
  const counts = async (): Promise<number[]> =>
    (await balancer.status()).workers.map(({ counters }) => counters.connectionsNow);
  const clients: RawClient[][] = (await counts()).map(() => []);
  while (clients.some((one) => one.length < each)) {
    const before = await counts();
    const client = await connectRaw(address);
    const accepted = await eventually("a worker accepts", async () => {
      const index = (await counts()).findIndex((count, worker) => count > before[worker]!);
      return index < 0 ? undefined : index;
    });
    clients[accepted]!.push(client);
  }
  return clients;
}

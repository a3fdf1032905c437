import { join } from "node:path";
import type { EndpointView, StatusView } from "../../../src/model/status.ts";
import { Balancer, type BalancerOptions, startBalancer } from "../../support/balancer.ts";
import { Child } from "../../support/child.ts";
import type { Address } from "../../support/raw-client.ts";
import { type OriginScript, answerWith, RawOrigin, reply } from "../../support/raw-origin.ts";

const repository = join(import.meta.dir, "..", "..", "..");

/** An origin that answers checks and requests each in their own way. */
export class CheckedOrigin extends RawOrigin {
  /** Requests that are no checks. */
  answer: OriginScript;
  check: OriginScript = answerWith(reply("healthy"));

  constructor(answer: OriginScript) {
    super((exchange) => (exchange.request.target === "/check" ? this.check(exchange) : this.answer(exchange)));
    this.answer = answer;
  }

  /** Requests that are no checks. */
  get asked(): number {
    return this.requests.filter(({ target }) => target !== "/check").length;
  }
}

/** A balancer before origins called `e0`, `e1`, … in a pool `app`, with checks at `/check`. */
export class PoolBench {
  readonly origins: readonly CheckedOrigin[];
  balancer: Balancer;
  readonly #first: Balancer;

  constructor(balancer: Balancer, origins: readonly CheckedOrigin[]) {
    this.balancer = balancer;
    this.#first = balancer;
    this.origins = origins;
  }

  get address(): Address {
    return this.balancer.address("http");
  }

  async endpoint(index: number): Promise<EndpointView> {
    return (await this.balancer.endpoints("app"))[index]!; // the test has so many
  }

  until(
    what: string,
    index: number,
    isMet: (endpoint: EndpointView) => boolean,
    timeoutMs?: number,
  ): Promise<StatusView> {
    return this.balancer.untilStatus(what, (view) => isMet(view.pools[0]!.endpoints[index]!), timeoutMs);
  }

  /** A command at the running instance. */
  async command(...args: readonly string[]): Promise<{ readonly exitCode: number; readonly output: string }> {
    const child = new Child([join(repository, "bin", "weichensteller"), ...args, "--admin", this.balancer.adminSocket]);
    const exitCode = await child.exited();
    await child.until("its output", () => child.output !== "").catch(() => undefined);
    return { exitCode, output: child.output };
  }

  /** Ends the instance and starts another one on the same files. */
  async restart(): Promise<void> {
    const { adminSocket, file } = this.balancer;
    await this.balancer.child.stop();
    const child = new Child([join(repository, "bin", "weichensteller"), "run", "-c", file]);
    this.balancer = new Balancer(child, adminSocket, file, () => undefined);
    await this.balancer.untilReady(10_000);
  }

  async stop(): Promise<void> {
    await this.balancer.stop();
    await this.#first.stop();
    for (const one of this.origins) one.stop();
  }
}

export interface PoolBenchPlan extends BalancerOptions {
  readonly scripts: readonly OriginScript[];
  /** Further keys of `health`. */
  readonly health?: string;
  /** Further keys of the http check. */
  readonly check?: string;
  /** Further lines of the pool. */
  readonly pool?: readonly string[];
  /** Text in place of the balancer's own `process` section. */
  readonly process?: string;
}

export async function startPoolBench(plan: PoolBenchPlan): Promise<PoolBench> {
  const origins = plan.scripts.map((script) => new CheckedOrigin(script));
  const endpoints = origins.map(({ endpoint }, index) => `{ address: ${endpoint}, name: e${index} }`);
  const lines = [
    "listeners:",
    "  http: { bind: 127.0.0.1:0, pool: app }",
    "pools:",
    "  app:",
    `    endpoints: [${endpoints.join(", ")}]`,
    `    health: { http: { path: /check${plan.check === undefined ? "" : `, ${plan.check}`} }${plan.health === undefined ? "" : `, ${plan.health}`} }`,
    ...(plan.pool ?? []).map((line) => `    ${line}`),
    ...(plan.process === undefined ? [] : [`process: ${plan.process}`]),
  ];
  return new PoolBench(await startBalancer(lines.join("\n"), plan), origins);
}

export async function withPoolBench(plan: PoolBenchPlan, run: (bench: PoolBench) => Promise<void>): Promise<void> {
  const bench = await startPoolBench(plan);
  try {
    await run(bench);
    for (const one of bench.origins) expectNoFaults(one);
  } finally {
    await bench.stop();
  }
}

function expectNoFaults({ faults }: CheckedOrigin): void {
  if (faults.length > 0) throw new Error(faults.join("; "));
}

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { EndpointState } from "../../src/model/snapshot.ts";
import { type Balancer, startBalancer } from "../support/balancer.ts";
import { get } from "../support/bench.ts";
import { ask } from "../support/raw-client.ts";
import { type OriginScript, RawOrigin, reply, startOrigin } from "../support/raw-origin.ts";

setDefaultTimeout(20_000);

let balancer: Balancer | undefined;
const origins: RawOrigin[] = [];

afterEach(async () => {
  await balancer?.stop();
  balancer = undefined;
  for (const origin of origins.splice(0)) origin.stop();
});

/** Healthy or not, as the test says; everything else is answered. */
class Service {
  isUp = true;
  readonly origin: RawOrigin;

  constructor() {
    const script: OriginScript = async ({ request, connection, untilBody }) => {
      await untilBody();
      const isCheck = request.target === "/up";
      connection.send(isCheck && !this.isUp ? reply("", "HTTP/1.1 503 Down") : reply());
    };
    this.origin = startOrigin(script);
    origins.push(this.origin);
  }

  /** Requests that were no checks. */
  get served(): number {
    return this.origin.requests.filter(({ target }) => target !== "/up").length;
  }
}

async function start(services: readonly Service[], ...lines: readonly string[]): Promise<Balancer> {
  const endpoints = services.map(({ origin }) => origin.endpoint).join(", ");
  balancer = await startBalancer(`listeners: { http: { bind: 127.0.0.1:0, pool: app } }
pools:
  app:
    endpoints: [${endpoints}]
    health: { http: { path: /up }, interval: 50ms, fastInterval: 20ms, rise: 1, fall: 1, initial: down }
${lines.map((line) => `    ${line}\n`).join("")}`);
  return balancer;
}

/** Waits until the endpoints are in these states. */
async function untilStates(...states: readonly EndpointState[]): Promise<void> {
  await balancer!.untilStatus(`the states ${states.join(", ")}`, ({ pools }) =>
    states.every((state, index) => pools[0]?.endpoints[index]?.state === state),
  );
}

async function askOften(times: number): Promise<void> {
  for (let count = 0; count < times; count++) expect((await ask(balancer!.address("http"), get())).status).toBe(200);
}

const { Up, Down } = EndpointState;

describe("slow start", () => {
  test("an endpoint that comes back gets little at first", async () => {
    const [old, back] = [new Service(), new Service()];
    back.isUp = false;
    await start([old, back], "slowStart: 60s");
    await untilStates(Up, Down);
    await askOften(10);
    expect([old.served, back.served]).toEqual([10, 0]);
    back.isUp = true;
    await untilStates(Up, Up);
    await askOften(50);
    expect(back.served).toBeGreaterThan(0);
    expect(back.served).toBeLessThan(12);
  });

  test("without it, the endpoint gets its share at once", async () => {
    const [old, back] = [new Service(), new Service()];
    back.isUp = false;
    await start([old, back]);
    await untilStates(Up, Down);
    back.isUp = true;
    await untilStates(Up, Up);
    await askOften(50);
    expect(back.served).toBe(25);
  });
});

describe("first", () => {
  test("comes back to the first when it is UP again", async () => {
    const [first, second] = [new Service(), new Service()];
    await start([first, second], "balance: first");
    await untilStates(Up, Up);
    await askOften(5);
    first.isUp = false;
    await untilStates(Down, Up);
    await askOften(5);
    first.isUp = true;
    await untilStates(Up, Up);
    await askOften(5);
    expect([first.served, second.served]).toEqual([10, 5]);
  });

  test("never tries an endpoint that is DOWN, other ways of balancing do when all are", async () => {
    const services = [new Service(), new Service()];
    for (const service of services) service.isUp = false;
    await start(services, "balance: first");
    await untilStates(Down, Down);
    expect((await ask(balancer!.address("http"), get())).status).toBe(503);
    await balancer!.stop();
    await start(services);
    await untilStates(Down, Down);
    await askOften(4);
    expect(services.map(({ served }) => served)).toEqual([2, 2]);
  });
});

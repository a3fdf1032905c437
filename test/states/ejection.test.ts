import { expect, setDefaultTimeout, test } from "bun:test";
import { EndpointState } from "../../src/model/snapshot.ts";
import { get } from "../support/bench.ts";
import { ask } from "../support/raw-client.ts";
import { type OriginScript, answerWith, reply } from "../support/raw-origin.ts";
import { type PoolBench, withPoolBench } from "./support/pool-bench.ts";

setDefaultTimeout(20_000);

const good = answerWith(reply("good"));
const status500 = answerWith(reply("no", "HTTP/1.1 500 Internal Server Error"));
const resets: OriginScript = async ({ connection, untilBody }) => {
  await untilBody();
  connection.reset();
};
/** Checks of these tests say nothing by themselves: they always pass. */
const passive = "passive: { failures: 3, within: 10s, eject: 400ms, ejectMax: 2s }";

async function askTimes({ address }: PoolBench, times: number): Promise<readonly number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < times; i++) statuses.push((await ask(address, get())).status);
  return statuses;
}

test("answers 500 eject with the reason, in both workers, and a passing check brings the endpoint back", () =>
  withPoolBench({ scripts: [status500, good], health: passive, workers: 2 }, async (bench) => {
    const [first] = bench.origins;
    while (first!.asked < 3) await askTimes(bench, 1);
    await bench.until("e0 is ejected", 0, ({ state }) => state === EndpointState.Down);
    const endpoint = await bench.endpoint(0);
    expect(endpoint).toMatchObject({ why: "ejected", whyText: "ejected for 400ms at least: 3 status 5xx" });
    expect(endpoint.ejectedUntilAt).toBeGreaterThan(endpoint.sinceAt);
    const seen = first!.asked;
    expect(await askTimes(bench, 10)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(first!.asked).toBe(seen);
    first!.answer = good;
    await bench.until("e0 is back", 0, ({ state }) => state === EndpointState.Up);
    expect(Date.now() - endpoint.sinceAt).toBeGreaterThanOrEqual(400);
    expect((await bench.endpoint(0)).ejectedUntilAt).toBeUndefined();
    await askTimes(bench, 10);
    expect(first!.asked).toBeGreaterThan(seen);
    expect(bench.balancer.output()).toContain("app/e0 is DOWN: ejected for 400ms at least: 3 status 5xx");
  }));

test("each time in a row is twice as long", () =>
  withPoolBench({ scripts: [resets, good], health: passive }, async (bench) => {
    for (const durationMs of [400, 800]) {
      while ((await bench.endpoint(0)).state !== EndpointState.Down) await askTimes(bench, 1);
      expect((await bench.endpoint(0)).whyText).toMatch(
        new RegExp(`^ejected for ${durationMs}ms at least: [0-9]+ resets$`),
      );
      await bench.until("e0 is back", 0, ({ state }) => state === EndpointState.Up);
    }
  }));

test("status 5xx ejects no more than half of the pool, and the only endpoint of a pool never", () =>
  withPoolBench({ scripts: [status500, status500, status500], health: passive }, async (bench) => {
    await askTimes(bench, 40);
    const states = (await bench.balancer.endpoints("app")).map(({ state }) => state);
    expect(states.filter((state) => state === EndpointState.Up)).toHaveLength(2);
  }));

test("resets know no such limit; when all are out, panic tries them all", () =>
  withPoolBench({ scripts: [resets, resets], health: passive }, async (bench) => {
    const isOut = ({ state }: { readonly state: EndpointState }): boolean => state === EndpointState.Down;
    while (!(await bench.balancer.endpoints("app")).every(isOut))
      expect((await ask(bench.address, get())).status).toBe(502);
    for (const one of bench.origins) one.answer = good;
    expect((await ask(bench.address, get())).status).toBe(200);
  }));

test("an endpoint where one request of ten fails stays in", () => {
  let asked = 0;
  const flaky: OriginScript = (exchange) => (++asked % 10 === 0 ? status500 : good)(exchange);
  return withPoolBench({ scripts: [flaky, good], health: passive }, async (bench) => {
    const statuses = await askTimes(bench, 120);
    expect(statuses.filter((status) => status === 500)).toHaveLength(6);
    expect((await bench.endpoint(0)).state).toBe(EndpointState.Up);
  });
});

test("passive: off leaves it to the checks", () =>
  withPoolBench({ scripts: [status500, good], health: "passive: off" }, async (bench) => {
    await askTimes(bench, 20);
    expect(bench.origins[0]!.asked).toBe(10);
    expect((await bench.endpoint(0)).state).toBe(EndpointState.Up);
  }));

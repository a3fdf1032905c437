import { afterEach, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import type { HealthConfig } from "../../model/config.ts";
import type { EndpointRowState } from "../../model/link.ts";
import { EndpointState } from "../../model/snapshot.ts";
import { Prober, type ProbedPool, type ProberPorts } from "./prober.ts";
import { type CheckResult, requestText, runCheck } from "./run-check.ts";

const timers: ProberPorts["timers"] = {
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

interface RawServer {
  readonly port: number;
  /** Connections so far. */
  readonly accepted: () => number;
  /** Most connections that were open together. */
  readonly openMax: () => number;
  close(): Promise<void>;
}

const running: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

/** A server that does `answer` with each connection; `port` asks for a port that was free a moment ago. */
async function rawServer(answer: (socket: Socket, request: string) => void, port = 0): Promise<RawServer> {
  let accepted = 0;
  let openNow = 0;
  let openMax = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    accepted += 1;
    openNow += 1;
    openMax = Math.max(openMax, openNow);
    sockets.add(socket);
    let request = "";
    socket.on("data", (bytes) => {
      request += bytes.toString("latin1");
      if (request.endsWith("\r\n\r\n")) answer(socket, request);
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      openNow -= 1;
      sockets.delete(socket);
    });
  });
  await new Promise<void>((resolve) => void server.listen(port, "127.0.0.1", resolve));
  const close = (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => void server.close(() => resolve()));
  };
  running.push(close);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { port: address.port, accepted: () => accepted, openMax: () => openMax, close };
}

const httpCheck = {
  kind: "http",
  method: "GET",
  path: "/healthcheck",
  headers: [],
  expect: { status: [{ from: 200, to: 299 }] },
} as const;

const health: HealthConfig = {
  check: httpCheck,
  intervalMs: 60,
  fastIntervalMs: 20,
  timeoutMs: 500,
  rise: 2,
  fall: 2,
  jitter: 0.1,
  initial: "up",
};

function checkOnce(
  port: number,
  options: { check?: HealthConfig["check"]; timeoutMs?: number } = {},
): Promise<CheckResult> {
  return new Promise((resolve) => {
    const { check = httpCheck, timeoutMs = 500 } = options;
    runCheck({ ip: "127.0.0.1", port, check, hostField: "api", timeoutMs }, { timers }, resolve);
  });
}

describe("one check at a real socket", () => {
  const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK";

  test("asks what the configuration says and is content with the status", async () => {
    let seen = "";
    const server = await rawServer((socket, request) => {
      seen = request;
      socket.end(okAnswer);
    });
    expect(await checkOnce(server.port)).toEqual({
      kind: "judged",
      isOk: true,
      evidence: "status 200",
    });
    expect(seen).toBe(
      "GET /healthcheck HTTP/1.1\r\nHost: api\r\nUser-Agent: weichensteller-check\r\nAccept: */*\r\nConnection: close\r\n\r\n",
    );
  });

  test("a text in the body is found although the connection stays open", async () => {
    const server = await rawServer((socket) => void socket.write("HTTP/1.1 200 OK\r\n\r\nall is OK"));
    const check = { ...httpCheck, expect: { ...httpCheck.expect, body: "OK" } };
    expect(await checkOnce(server.port, { check })).toMatchObject({
      isOk: true,
      evidence: 'status 200, body has "OK"',
    });
  });

  for (const [name, answer, evidence] of [
    ["503", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "status 503, expected 200-299"],
    ["a close without a byte", "", "connection closed before the response head"],
    ["a close inside the head", "HTTP/1.1 200", "connection closed inside the response head"],
  ] as const) {
    test(`${name} fails with its evidence`, async () => {
      const server = await rawServer((socket) => void socket.end(answer));
      expect(await checkOnce(server.port)).toEqual({ kind: "judged", isOk: false, evidence });
    });
  }

  test("a server that accepts and is silent runs into the timeout", async () => {
    const server = await rawServer(() => undefined);
    expect(await checkOnce(server.port, { timeoutMs: 50 })).toEqual({
      kind: "judged",
      isOk: false,
      evidence: "no answer in 50 ms",
    });
  });

  test("a head that drips does not stretch the timeout", async () => {
    const server = await rawServer((socket) => {
      const drip = setInterval(() => void socket.write("HTTP/1.1 200 OK\r\nA: b\r\n"), 10);
      socket.on("close", () => clearInterval(drip));
    });
    const beganMs = performance.now();
    expect(await checkOnce(server.port, { timeoutMs: 80 })).toMatchObject({ isOk: false });
    expect(performance.now() - beganMs).toBeLessThan(400);
  });

  test("nobody listens", async () => {
    const server = await rawServer(() => undefined);
    await server.close();
    expect(await checkOnce(server.port)).toEqual({
      kind: "judged",
      isOk: false,
      evidence: "connect refused",
    });
    expect(await checkOnce(server.port, { check: { kind: "tcp" } })).toEqual({
      kind: "judged",
      isOk: false,
      evidence: "connect refused",
    });
  });

  test("tcp is content with a connection", async () => {
    const server = await rawServer(() => undefined);
    expect(await checkOnce(server.port, { check: { kind: "tcp" } })).toEqual({
      kind: "judged",
      isOk: true,
      evidence: "connected",
    });
  });

  test("a cancelled check is silent and leaves no connection", async () => {
    const closed = Promise.withResolvers<void>();
    const server = await rawServer((socket) => {
      socket.on("close", () => closed.resolve());
      cancel();
    });
    let isDone = false;
    const target = {
      ip: "127.0.0.1",
      port: server.port,
      check: httpCheck,
      hostField: "api",
      timeoutMs: 1000,
    };
    const cancel = runCheck(target, { timers }, () => void (isDone = true));
    await closed.promise;
    expect(isDone).toBe(false);
  });

  test("fields of the configuration replace ours", () => {
    const check = {
      ...httpCheck,
      method: "POST",
      headers: [
        { name: "user-agent", value: "probe" },
        { name: "X-A", value: "1" },
        { name: "Connection", value: "keep-alive" },
      ],
    };
    expect(requestText(check, "b:1")).toBe(
      "POST /healthcheck HTTP/1.1\r\nHost: b:1\r\nAccept: */*\r\nContent-Length: 0\r\nuser-agent: probe\r\nX-A: 1\r\nConnection: close\r\n\r\n",
    );
  });
});

describe("prober", () => {
  const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

  /** A prober whose changes can be awaited in order. */
  function proberWithChanges(): {
    prober: Prober;
    nextChange: () => Promise<readonly EndpointRowState[]>;
  } {
    const changes: (readonly EndpointRowState[])[] = [];
    let wake: () => void = () => undefined;
    const prober = new Prober({
      clock: { monotonicMs: () => performance.now(), wallMs: () => Date.now() },
      random: { fraction: () => 0.5 },
      timers,
      onChange(states) {
        changes.push(states);
        wake();
      },
    });
    running.push(() => prober.stop());
    return {
      prober,
      async nextChange() {
        while (changes.length === 0) await new Promise<void>((resolve) => void (wake = resolve));
        return changes.shift()!; // the loop ends with one there
      },
    };
  }

  function pool(name: string, ports: readonly number[], config: HealthConfig | undefined, firstRow = 0): ProbedPool {
    const endpoints = ports.map((port, i) => ({
      name: `e${i}`,
      host: "127.0.0.1",
      ip: "127.0.0.1",
      port,
      weight: 1,
      backup: false,
      row: firstRow + i,
    }));
    return config === undefined ? { name, endpoints } : { name, endpoints, health: config };
  }

  test("an endpoint that dies goes DOWN with the reason and comes back UP", async () => {
    const { prober, nextChange } = proberWithChanges();
    const server = await rawServer((socket) => void socket.end(okAnswer));
    prober.update([pool("app", [server.port], { ...health, initial: "down" })]);
    expect(prober.states()).toEqual([[0, EndpointState.Down]]);
    expect(await nextChange()).toEqual([[0, EndpointState.Up]]);
    await server.close();
    expect(await nextChange()).toEqual([[0, EndpointState.Down]]);
    expect(prober.view(0)).toMatchObject({
      state: EndpointState.Down,
      why: "fall",
      whyText: "2 checks failed: connect refused",
      lastCheck: { isOk: false },
    });
    await rawServer((socket) => void socket.end(okAnswer), server.port);
    expect(await nextChange()).toEqual([[0, EndpointState.Up]]);
    expect(prober.view(0)).toMatchObject({
      why: "rise",
      whyText: "checks pass",
      lastCheck: { evidence: "status 200" },
    });
  });

  test("identical checks are done once and feed every row together", async () => {
    const { prober, nextChange } = proberWithChanges();
    const server = await rawServer((socket) => void socket.end(okAnswer));
    const config = { ...health, initial: "down", intervalMs: 60_000 } as const;
    prober.update([
      pool("a", [server.port], config),
      pool("b", [server.port], config, 1),
      pool("c", [server.port], { ...config, rise: 7 }, 2),
    ]);
    const changed = await nextChange();
    expect(changed.map(([row]) => row).toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
    expect(server.accepted()).toBe(1);
  });

  test("checks that differ only in the Host field are two", async () => {
    const { prober, nextChange } = proberWithChanges();
    const server = await rawServer((socket) => void socket.end(okAnswer));
    const config = { ...health, initial: "down", intervalMs: 60_000 } as const;
    prober.update([
      pool("a", [server.port], config),
      pool("b", [server.port], { ...config, check: { ...httpCheck, host: "other" } }, 1),
    ]);
    await nextChange();
    await nextChange();
    expect(server.accepted()).toBe(2);
  });

  test("trouble brings a check at once, and never two together", async () => {
    const { prober, nextChange } = proberWithChanges();
    const server = await rawServer((socket) => void setTimeout(() => socket.end(okAnswer), 5));
    prober.update([
      pool("app", [server.port], {
        ...health,
        initial: "down",
        intervalMs: 600_000,
        fastIntervalMs: 5,
      }),
    ]);
    await nextChange();
    await server.close();
    // The next planned check is ten minutes away: only trouble can bring this change.
    for (let i = 0; i < 20; i++) prober.trouble(0, [1, 0, 0, 0, 0, 0], 0);
    expect(await nextChange()).toEqual([[0, EndpointState.Down]]);
    expect(server.openMax()).toBe(1);
  });

  test("a stream of trouble is not a stream of checks", async () => {
    const { prober, nextChange } = proberWithChanges();
    const server = await rawServer((socket) => void socket.end(okAnswer));
    prober.update([
      pool("app", [server.port], {
        ...health,
        initial: "down",
        intervalMs: 600_000,
        fastIntervalMs: 40,
      }),
    ]);
    await nextChange();
    const beganMs = performance.now();
    while (performance.now() - beganMs < 200) {
      prober.trouble(0, [0, 1, 0, 0, 0, 0], 0);
      await Bun.sleep(1); // the load of a worker that reports, not a wait for something
    }
    expect(server.accepted()).toBeGreaterThan(2);
    expect(server.accepted()).toBeLessThanOrEqual(7);
  });

  test("a pool without checks is UP, a name without an address DOWN", () => {
    const { prober } = proberWithChanges();
    const [resolved, unresolved] = pool("app", [1, 2], undefined).endpoints;
    const { ip: _, ...noIp } = unresolved!; // two ports were given
    prober.update([{ name: "app", endpoints: [resolved!, noIp] }]);
    expect(prober.view(0)).toMatchObject({ state: EndpointState.Up, why: "unchecked" });
    expect(prober.view(1)).toMatchObject({ state: EndpointState.Down, why: "unresolved" });
    expect(prober.view(2)).toBeUndefined();
  });

  test("a new revision keeps the state of what stayed and forgets what went", async () => {
    const { prober, nextChange } = proberWithChanges();
    const server = await rawServer((socket) => void socket.end(okAnswer));
    const config = { ...health, initial: "down", intervalMs: 600_000 } as const;
    prober.update([pool("app", [server.port], config)]);
    await nextChange();
    const sinceAt = prober.view(0)?.sinceAt;
    prober.update([pool("app", [server.port], { ...config, fall: 9 })]);
    expect(prober.view(0)).toMatchObject({ state: EndpointState.Up, sinceAt: sinceAt! });
    // Another endpoint in the same row starts anew.
    prober.update([pool("other", [server.port], config)]);
    expect(prober.view(0)).toMatchObject({ state: EndpointState.Down, why: "initial" });
    prober.update([]);
    expect(prober.states()).toEqual([]);
  });

  test("an endpoint whose check changed keeps its state until the new check decides", async () => {
    const { prober, nextChange } = proberWithChanges();
    const server = await rawServer(
      (socket, request) => void socket.end(request.includes("/ready") ? "HTTP/1.1 500 x\r\n\r\n" : okAnswer),
    );
    const config = { ...health, initial: "down" } as const;
    prober.update([pool("app", [server.port], config)]);
    await nextChange();
    prober.update([pool("app", [server.port], { ...config, check: { ...httpCheck, path: "/ready" } })]);
    expect(prober.view(0)).toMatchObject({ state: EndpointState.Up });
    expect(await nextChange()).toEqual([[0, EndpointState.Down]]);
    expect(prober.view(0)?.whyText).toBe("2 checks failed: status 500, expected 200-299");
  });

  test("stop ends running checks", async () => {
    const { prober } = proberWithChanges();
    const closed = Promise.withResolvers<void>();
    const server = await rawServer((socket) => {
      socket.on("close", () => closed.resolve());
      prober.stop();
    });
    prober.update([pool("app", [server.port], health)]);
    await closed.promise;
    expect(prober.states()).toEqual([]);
  });
});

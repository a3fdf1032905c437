import { describe, expect, test } from "bun:test";
import { fixtureNowAt, fixtureView } from "../../../test/fixtures/status-view.ts";
import { EndpointState } from "../../model/snapshot.ts";
import { plain } from "../colour.ts";
import { demoAnswer } from "./demo-service.ts";
import { type DemoService, DemoServices, restartAfterMs } from "./demo-services.ts";
import { changeLines, liveLines } from "./live-text.ts";
import { Painter } from "./painter.ts";
import { takenPortText } from "./quickstart.ts";

describe("demo service", () => {
  for (const [method, path, status, body] of [
    ["GET", "/", 200, { service: "a", pid: 7 }],
    ["GET", "/healthcheck", 200, { status: "OK" }],
    ["GET", "/orders", 200, { service: "a" }],
    ["GET", "/orders/2", 200, { order: { id: 2 } }],
    ["GET", "/orders/9", 404, { error: "not found" }],
    ["POST", "/orders", 201, { accepted: "one" }],
    ["DELETE", "/orders/1", 405, { error: "method not allowed" }],
  ] as const) {
    test(`${method} ${path}`, async () => {
      const request = { method, path, host: "x", text: () => Promise.resolve("one") };
      const answer = await demoAnswer(request, { service: "a", pid: 7 });
      expect(answer.status).toBe(status);
      expect(JSON.parse(answer.body)).toMatchObject(body);
    });
  }
});

describe("demo services", () => {
  test("a service that ended starts again on its port, a while later", async () => {
    const timers: { delayMs: number; run: () => void }[] = [];
    const spawned: { port: number; onLine(line: string): void; onExit(): void }[] = [];
    const seen: string[] = [];
    const services = new DemoServices({
      spawn(options) {
        spawned.push(options);
        return { pid: 100 + spawned.length, kill: () => seen.push("kill") };
      },
      wallMs: () => 1000,
      after(delayMs, run) {
        const timer = { delayMs, run };
        timers.push(timer);
        return () => void timers.splice(timers.indexOf(timer), 1);
      },
      onChange: ({ name, pid, startsAt }) => seen.push(`${name} ${pid} ${startsAt}`),
    });
    const started = services.start(["one"]);
    spawned[0]!.onLine("listening 4711");
    await started;
    expect(services.list()).toMatchObject([{ name: "one", port: 4711, pid: 101 }]);
    expect(timers).toEqual([]);
    spawned[0]!.onExit();
    expect(timers.map(({ delayMs }) => delayMs)).toEqual([restartAfterMs]);
    timers[0]!.run();
    expect(spawned[1]!.port).toBe(4711);
    spawned[1]!.onLine("listening 4711");
    services.stop();
    spawned[1]!.onExit();
    expect(seen).toEqual([`one undefined ${1000 + restartAfterMs}`, "one 102 undefined", "kill"]);
    expect(spawned.length).toBe(2);
  });

  test("one that ends before it answers fails the start", () => {
    const services = new DemoServices({
      spawn(options) {
        queueMicrotask(() => options.onExit());
        return { pid: 1, kill: () => undefined };
      },
      wallMs: () => 0,
      after: () => () => undefined,
      onChange: () => undefined,
    });
    expect(services.start(["one"])).rejects.toThrow("demo service one ended at once");
  });
});

describe("live view", () => {
  const services: readonly DemoService[] = [
    { name: "orders-1", port: 9001, pid: 11, startsAt: undefined },
    { name: "orders-2", port: 9002, pid: undefined, startsAt: fixtureNowAt + 6500 },
  ];
  const scene = { view: fixtureView, services, file: "/run/weichensteller/quickstart.yaml" };

  for (const width of [40, 60, 80, 140]) {
    test(`no line is wider than a terminal of ${width} from 60 on, and free texts never`, () => {
      const lines = liveLines(scene, { width, paint: plain });
      const free = width < 60 ? lines.filter((line) => line.startsWith("  curl") || line.includes("requests,")) : lines;
      for (const line of free) expect(line.length).toBeLessThanOrEqual(width);
    });
  }

  test("says who is down, why, and when it comes back", () => {
    const text = liveLines(scene, { width: 140, paint: plain }).join("\n");
    expect(text).toContain("3 checks failed: connect refused");
    expect(text).toContain("orders-2  9002    -  ended; starts again in 7 s");
    expect(text).toContain("  kill 11   # ends orders-1");
  });

  test("changes are told once", () => {
    const [app] = fixtureView.pools;
    const endpoints = app!.endpoints.map((endpoint) => ({
      ...endpoint,
      state: EndpointState.Up,
      whyText: "checks pass",
    }));
    const after = {
      ...fixtureView,
      pools: [{ ...app!, endpoints }],
      workers: fixtureView.workers.map((worker) => ({ ...worker, restarts: worker.index })),
    };
    expect(changeLines(fixtureView, fixtureView)).toEqual([]);
    expect(changeLines(fixtureView, after)).toEqual(["app/b2 is UP: checks pass"]);
    expect(
      changeLines(after, {
        ...after,
        workers: after.workers.map((worker) => ({ ...worker, restarts: 9 })),
      }),
    ).toEqual(["worker 0 was replaced", "worker 1 was replaced"]);
  });
});

describe("painter", () => {
  function screen(rows: number): { painter: Painter; text: () => string } {
    let text = "";
    const painter = new Painter({ rows: () => rows, write: (more) => void (text += more) });
    return {
      painter,
      text() {
        const now = text;
        text = "";
        // oxlint-disable-next-line no-control-regex
        return now.replace(/\u001b\[/g, "^");
      },
    };
  }

  test("the second frame is drawn over the first, without clearing it before", () => {
    const { painter, text } = screen(10);
    painter.draw(["a", "b"]);
    expect(text()).toBe("^?2026h^?25l\ra^K\nb^K\n^J^?2026l");
    painter.draw(["c"]);
    expect(text()).toBe("^?2026h^2A\rc^K\n^J^?2026l");
    painter.above("log");
    expect(text()).toBe("^1A\r^Jlog\n");
    painter.draw(["d"]);
    painter.end();
    expect(text()).toBe("^?2026h\rd^K\n^J^?2026l^?25h");
  });

  test("a frame never scrolls the screen", () => {
    const { painter, text } = screen(3);
    painter.draw(["a", "b", "c", "d"]);
    expect(text()).toBe("^?2026h^?25l\ra^K\nb^K\n^J^?2026l");
  });
});

describe("a taken port", () => {
  for (const [name, holder, text] of [
    [
      "names the process and the way on",
      { uid: 0, user: "root", pid: 12, name: "nginx", command: "nginx: master" },
      "127.0.0.1:8080 is in use by nginx: master (pid 12, user root)\n  end it, or take another port: 'npm start -- --port 8081'",
    ],
    [
      "knows its own kind",
      {
        uid: 0,
        user: "root",
        pid: 12,
        name: "weichensteller",
        command: "bun src/main/weichensteller.ts start",
      },
      "npx weichensteller stop",
    ],
    [
      "says how to end a worker that was left alone",
      {
        uid: 0,
        user: "root",
        pid: 13,
        name: "wst-worker",
        command: "bun weichensteller/src/main/worker.ts",
      },
      "end it with: kill 13",
    ],
    ["another user's process has no pid for us", { uid: 33, user: "www-data" }, "in use by a process of www-data"],
  ] as const) {
    test(name, () => expect(takenPortText(8080, holder)).toContain(text));
  }
});

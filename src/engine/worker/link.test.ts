import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linkVersion, type ToSupervisor, type ToWorker } from "../../model/link.ts";
import { timers } from "../../platform/clock.ts";
import { connectUnix } from "../net/unix.ts";
import { encodeFrame } from "./frame.ts";
import { LinkClient } from "./link-client.ts";
import { listenForWorkers, type WorkerLink } from "./link-server.ts";

const folder = mkdtempSync(join(tmpdir(), "wst-link-"));
const stops: (() => void)[] = [];
let sockets = 0;

afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** The supervisor's end, with its events as promises. */
function server(path: string) {
  const hello = Promise.withResolvers<WorkerLink>();
  const closed = Promise.withResolvers<void>();
  const rejected = Promise.withResolvers<string>();
  const message = Promise.withResolvers<ToSupervisor>();
  const listening = listenForWorkers(path, {
    hello: hello.resolve,
    message: (_link, got) => message.resolve(got),
    closed: () => closed.resolve(),
    rejected: rejected.resolve,
  });
  stops.push(() => listening.stop());
  return {
    hello: hello.promise,
    closed: closed.promise,
    rejected: rejected.promise,
    message: message.promise,
    stop: () => listening.stop(),
  };
}

function path(): string {
  return join(folder, `${++sockets}.sock`);
}

function client(at: string, onMessage: (message: ToWorker) => void = () => undefined): LinkClient {
  const link = new LinkClient(at, timers, {
    up: () =>
      void link.send({ kind: "hello", index: 3, pid: 4711, linkVersion, sockets: [], states: [], isDraining: false }),
    message: onMessage,
    down: () => undefined,
  });
  return link;
}

describe("worker link", () => {
  test("a worker that comes before its supervisor is connected as soon as there is one", async () => {
    const at = path();
    client(at);
    const supervisor = server(at);
    expect(await supervisor.hello).toMatchObject({ index: 3, pid: 4711 });
  });

  test("a worker finds the next supervisor", async () => {
    const at = path();
    const first = server(at);
    client(at);
    await first.hello;
    first.stop();
    await first.closed;
    rmSync(at, { force: true });
    const second = server(at);
    expect((await second.hello).pid).toBe(4711);
  });

  test("20 MB there and back come whole: both sides take what a socket buffer does not", async () => {
    const at = path();
    const why = "x".repeat(20_000_000);
    const supervisor = server(at);
    const worker = client(at, (message) => {
      if (message.kind === "commit") worker.send({ kind: "refused", revision: message.revision, why });
    });
    const link = await supervisor.hello;
    link.send({
      kind: "commit",
      revision: 7,
      states: Array.from({ length: 1_000_000 }, (_, row) => [row, 0] as const),
    });
    const answer = await supervisor.message;
    expect(answer).toMatchObject({ kind: "refused", revision: 7 });
    expect(answer.kind === "refused" && answer.why === why).toBe(true);
  });

  test.each([
    [
      "another link version",
      encodeFrame({ kind: "hello", index: 0, pid: 1, linkVersion: linkVersion + 1 }),
      "link version",
    ],
    ["no hello first", encodeFrame({ kind: "ready", revision: 1 }), "no hello"],
    ["null", encodeFrame(null), "no hello"],
    ["another protocol", new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"), "bytes"],
  ])("%s is rejected and closed", async (_name, bytes, why) => {
    const at = path();
    const supervisor = server(at);
    const closed = Promise.withResolvers<void>();
    const peer = await connectUnix(at, { data: () => undefined, close: () => closed.resolve() });
    peer.write(bytes);
    expect(await supervisor.rejected).toContain(why);
    await closed.promise;
  });
});

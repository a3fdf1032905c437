/**
 * What we know of Bun's sockets and build on, one fact a test. Each says who relies on it. A test that fails after an
 * update of Bun means: look at that code again (some of these are faults of Bun that may be mended one day).
 */
import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Socket, TCPSocketListener } from "bun";
import { needs } from "../support/needs.ts";

interface Peer {
  readonly events: string[];
  bytes: number;
  readonly opened: PromiseWithResolvers<Socket<Peer>>;
  readonly ended: PromiseWithResolvers<void>;
  readonly closed: PromiseWithResolvers<void>;
  readonly gotData: PromiseWithResolvers<void>;
}

function peer(): Peer {
  return {
    events: [],
    bytes: 0,
    opened: Promise.withResolvers(),
    ended: Promise.withResolvers(),
    closed: Promise.withResolvers(),
    gotData: Promise.withResolvers(),
  };
}

/** Handlers that note every event in its socket's Peer; a socket ends as we say, not by itself. */
const noting = {
  open(socket: Socket<Peer>) {
    socket.data.opened.resolve(socket);
  },
  data(socket: Socket<Peer>, chunk: Buffer) {
    if (socket.data.bytes === 0) socket.data.events.push("data");
    socket.data.bytes += chunk.byteLength;
    socket.data.gotData.resolve();
  },
  end(socket: Socket<Peer>) {
    socket.data.events.push("end");
    socket.data.ended.resolve();
  },
  close(socket: Socket<Peer>, error?: Error) {
    socket.data.events.push(error === undefined ? "close" : `close ${(error as NodeJS.ErrnoException).code}`);
    socket.data.closed.resolve();
  },
  error(socket: Socket<Peer>, error: Error) {
    socket.data.events.push(`error ${error.message}`);
  },
  /** Must be there although it does nothing: without it, end(data) with a backlog never sends its FIN at all. */
  drain(_socket: Socket<Peer>) {},
};

const listeners: TCPSocketListener<Peer>[] = [];
afterEach(() => {
  for (const listener of listeners.splice(0)) listener.stop(true);
});

/** Two ends of one connection over the loopback, with their notes. */
async function pair(handlers: Partial<typeof noting> = {}): Promise<{ ours: Socket<Peer>; theirs: Socket<Peer> }> {
  const accepted = peer();
  const listener = Bun.listen<Peer>({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: {
      ...noting,
      open(socket) {
        socket.data = accepted;
        accepted.opened.resolve(socket);
      },
    },
  });
  listeners.push(listener);
  const ours = await Bun.connect<Peer>({
    hostname: "127.0.0.1",
    port: listener.port,
    allowHalfOpen: true,
    data: peer(),
    socket: { ...noting, ...handlers },
  });
  return { ours, theirs: await accepted.opened.promise };
}

const big = new Uint8Array(16 * 1024 * 1024);

describe("writing", () => {
  // engine/net keeps the rest of every write and waits for drain: without that, bodies would lose bytes.
  test("write() returns what the kernel took, which may be less than asked", async () => {
    const { ours, theirs } = await pair();
    theirs.pause();
    const taken = ours.write(big);
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(big.byteLength);
    expect(ours.write(big)).toBe(0);
  });

  // engine/net continues a write from the drain event and from nothing else.
  test("drain follows once the other side has read", async () => {
    const drained = Promise.withResolvers<void>();
    const { ours, theirs } = await pair({ drain: () => drained.resolve() });
    theirs.pause();
    ours.write(big);
    theirs.resume();
    await drained.promise;
    expect(ours.write(big)).toBeGreaterThan(0);
  });

  // engine/net never ends a socket before its own backlog is empty: the peer would take the cut for a complete answer.
  test("end(data) drops what the kernel did not take, and the peer sees a clean end", async () => {
    const { ours, theirs } = await pair();
    theirs.pause();
    ours.end(big);
    theirs.resume();
    await theirs.data.ended.promise;
    expect(theirs.data.bytes).toBeGreaterThan(0);
    expect(theirs.data.bytes).toBeLessThan(big.byteLength);
    expect(theirs.data.events).toEqual(["data", "end"]);
  });

  // engine/proxy half-closes towards an origin after an Upgrade, and answers a client that half-closed.
  test("shutdown ends one direction only", async () => {
    const { ours, theirs } = await pair();
    ours.shutdown();
    await theirs.data.ended.promise;
    theirs.write("still here");
    await ours.data.gotData.promise;
    expect(ours.data.bytes).toBe("still here".length);
  });
});

describe("the end of a connection", () => {
  // engine/upstream tells a response that is cut short (reset) from one that is complete (close-delimited, FIN).
  test("a reset is a close with ECONNRESET and no end", async () => {
    const { ours, theirs } = await pair();
    theirs.terminate();
    await ours.data.closed.promise;
    expect(ours.data.events).toEqual(["close ECONNRESET"]);
  });

  // engine/net remembers a -1 from write: after it, the end event means a reset, or a cut answer would pass as whole.
  test("after a reset that write() meets first, -1 is all that is told: the events look like a clean end", async () => {
    const { ours, theirs } = await pair();
    // The loopback delivers the reset at once; our loop has not polled it yet when we write.
    theirs.terminate();
    expect(ours.write("x")).toBe(-1);
    await ours.data.closed.promise;
    expect(ours.data.events).toEqual(["end", "close"]);
  });

  // engine/net reads on (up to a cap) while a request waits, since only then does it notice that the client left.
  // engine/listener: such a client has no address, and nobody to answer.
  test("what came before a reset is still delivered, but remoteAddress is undefined by then", async () => {
    const seen = Promise.withResolvers<string | undefined>();
    const listener = Bun.listen<undefined>({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: (socket) => seen.resolve(socket.remoteAddress) },
    });
    await Bun.connect({
      hostname: "127.0.0.1",
      port: listener.port,
      socket: {
        open(socket) {
          socket.write("here I was");
          socket.terminate();
        },
        data: () => {},
      },
    });
    expect(await seen.promise).toBeUndefined();
    listener.stop(true);
  });

  test("a paused socket does not tell of the peer's FIN until it is resumed", async () => {
    const { ours, theirs } = await pair();
    ours.pause();
    theirs.end();
    // A round trip over another connection: the FIN has long been in our kernel when it is done.
    const other = await pair();
    other.theirs.write("x");
    await other.ours.data.gotData.promise;
    expect(ours.data.events).toEqual([]);
    ours.resume();
    await ours.data.ended.promise;
    expect(ours.data.events).toEqual(["end"]);
  });

  // engine/net may leave a socket paused for long: a reset still ends it, so nothing is held for ever.
  test("a paused socket does tell of a reset", async () => {
    const { ours, theirs } = await pair();
    ours.pause();
    theirs.terminate();
    await ours.data.closed.promise;
    expect(ours.data.events.at(-1)).toBe("close ECONNRESET");
  });
});

describe("errors", () => {
  // engine/net throws again, out of the error handler, what is no errno: a failed assert must end the worker.
  test("an exception in a callback goes to the error handler, and neither socket nor process ends", async () => {
    const thrown = Promise.withResolvers<Error>();
    const { ours, theirs } = await pair({
      data() {
        throw new Error("an assert");
      },
      error(_socket, error) {
        thrown.resolve(error);
      },
    });
    theirs.write("x");
    expect((await thrown.promise).message).toBe("an assert");
    ours.write("alive");
    await theirs.data.gotData.promise;
    expect(ours.data.events).toEqual([]);
  });

  // engine/upstream counts a refused connect as free to retry; the code must be there to be told from others.
  test("a refused connect rejects with ECONNREFUSED", async () => {
    const { ours } = await pair();
    const port = ours.remotePort;
    for (const listener of listeners.splice(0)) listener.stop(true);
    const attempt = Bun.connect<Peer>({
      hostname: "127.0.0.1",
      port,
      data: peer(),
      socket: noting,
    });
    const error = await attempt.then(
      () => undefined,
      (reason: unknown) => reason as NodeJS.ErrnoException,
    );
    expect(error?.code).toBe("ECONNREFUSED");
  });

  // The supervisor sets the backlog with listen(2) through FFI on the descriptor, because this option does nothing.
  const ss = needs({ commands: ["ss"] });
  test.skipIf(ss.missing)(ss.name("the listen backlog is 512 whatever was asked for"), () => {
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      backlog: 7,
      socket: { data() {} },
    } as never);
    const shown = Bun.spawnSync(["ss", "-Hltn", `sport = :${listener.port}`]).stdout.toString();
    listener.stop(true);
    const most = Number(readFileSync("/proc/sys/net/core/somaxconn", "utf8"));
    expect(shown.trim().split(/\s+/)[2]).toBe(String(Math.min(512, most)));
  });

  // control says "port in use" at start-up: the exclusive bind must fail, not share.
  test("a second listener on the same port is refused with EADDRINUSE", async () => {
    await pair();
    const port = listeners[0]?.port ?? 0;
    const again = (): unknown => Bun.listen<Peer>({ hostname: "127.0.0.1", port, socket: noting });
    expect(again).toThrow(expect.objectContaining({ code: "EADDRINUSE" }) as Error);
  });

  // engine/cluster (planned) sends heartbeats to nodes that may be down: send must be wrapped.
  test("a UDP send throws ECONNREFUSED after the port was found closed", async () => {
    const closed = await Bun.udpSocket({ hostname: "127.0.0.1" });
    const port = closed.port;
    closed.close();
    const told = Promise.withResolvers<unknown>();
    const socket = await Bun.udpSocket({
      connect: { hostname: "127.0.0.1", port },
      socket: { data() {}, error: (...seen: unknown[]) => told.resolve(seen.at(-1)) },
    });
    const codes: unknown[] = [];
    for (let at = 0; at < 20 && codes.length === 0; at++) {
      try {
        socket.send("x");
      } catch (error) {
        codes.push((error as NodeJS.ErrnoException).code);
      }
    }
    socket.close();
    expect(codes).toEqual(["ECONNREFUSED"]);
  });
});

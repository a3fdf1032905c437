import type { CreateDataPlane } from "../../../src/engine/worker/data-plane-port.ts";
import { parseWorkerOptions } from "../../../src/engine/worker/options.ts";
import { runWorker } from "../../../src/engine/worker/worker.ts";
import type { Snapshot } from "../../../src/model/snapshot.ts";
import { WorkerSlot } from "../../../src/observe/counters.ts";
import { linux } from "../../../src/platform/linux.ts";

/**
 * A worker for tests of the processes themselves, with a data plane that needs no HTTP: it answers each line with its
 * pid and revision. `hold` is never answered, so that a drain has something to wait for; `WST_TEST_CRASH` in the
 * configuration's first pool name makes it throw at the start, `WST_TEST_REFUSE` at a reload.
 */
const createDataPlane: CreateDataPlane = ({ counters, openSocket }) => {
  let revision = 0;
  let connectionsMax = 0;
  let prepared: Snapshot | undefined;
  let states = "";
  const listeners = new Map<number, Bun.TCPSocketListener<undefined>>();
  let onIdle: (() => void) | undefined;
  const open = new Set<Bun.Socket<undefined>>();
  const isCalled = (name: string, snapshot: { pools: readonly { name: string }[] }) =>
    snapshot.pools.some((pool) => pool.name === name);
  return {
    start(snapshot, initial) {
      if (isCalled("WST_TEST_CRASH", snapshot)) throw new Error("told to crash");
      ({ revision, connectionsMax } = snapshot);
      states = JSON.stringify(initial);
      listenOn(snapshot);
    },
    prepare(snapshot) {
      if (isCalled("WST_TEST_REFUSE", snapshot)) return "told to refuse";
      prepared = snapshot;
      return undefined;
    },
    commit(next, initial) {
      if (prepared?.revision !== next) throw new Error("commit without prepare");
      ({ revision, connectionsMax } = prepared);
      listenOn(prepared);
      states = JSON.stringify(initial);
    },
    setStates(changed) {
      states = JSON.stringify(changed);
    },
    drain(done) {
      for (const listener of listeners.values()) listener.stop();
      if (open.size === 0) done();
      else onIdle = done;
    },
    stop() {
      for (const socket of open) socket.terminate();
    },
  };

  function listenOn(snapshot: Snapshot): void {
    const ids = snapshot.listeners.flatMap(({ sockets }) => sockets.map(({ id }) => id));
    for (const [id, listener] of listeners) {
      if (ids.includes(id)) continue;
      listener.stop();
      listeners.delete(id);
    }
    for (const id of ids) if (!listeners.has(id)) listeners.set(id, listen(openSocket(id)));
  }

  function listen(fd: number): Bun.TCPSocketListener<undefined> {
    const options = {
      fd,
      socket: {
        open(socket: Bun.Socket<undefined>) {
          open.add(socket);
          counters[WorkerSlot.connectionsNow] = open.size;
        },
        data(socket: Bun.Socket<undefined>, bytes: Buffer) {
          if (bytes.toString().trim() === "hold") return;
          socket.write(
            `${JSON.stringify({ pid: process.pid, uid: process.getuid?.(), revision, connectionsMax, states })}\n`,
          );
        },
        close(socket: Bun.Socket<undefined>) {
          open.delete(socket);
          counters[WorkerSlot.connectionsNow] = open.size;
          counters[WorkerSlot.badRequests] = counters[WorkerSlot.badRequests]! + 1;
          if (open.size === 0) onIdle?.();
        },
      },
    };
    // The types know only `hostname` and `port`; a descriptor stands for both.
    return Bun.listen(options as unknown as Bun.TCPSocketListenOptions<undefined>);
  }
};

runWorker(parseWorkerOptions(process.argv.slice(2)), linux, createDataPlane);

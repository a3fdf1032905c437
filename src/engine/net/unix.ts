/** Unix stream sockets with a bounded backlog of what the kernel did not take yet. */
export interface UnixPeer {
  /**
   * Queues bytes behind those that wait. False where the peer is gone, or reads so little that more than
   * `backlogBytesMax` wait: then the connection is closed.
   */
  write(bytes: Uint8Array): boolean;
  /** At once; what waits is dropped. */
  close(): void;
}

export interface UnixHandlers {
  /** The bytes are valid during the call only. */
  data(peer: UnixPeer, bytes: Uint8Array): void;
  /** Called exactly once for a connection that was open. */
  close(peer: UnixPeer): void;
}

/** Two largest link frames. */
const backlogBytesMax = 128 * 1024 * 1024;

interface Side {
  peer: UnixPeer | undefined;
  waiting: Uint8Array[];
  waitingBytes: number;
}

type Socket = Bun.Socket<Side>;

/** Throws what the system says (EADDRINUSE, …). A socket file that is left over must have been removed. */
export function listenUnix(path: string, handlers: UnixHandlers & { open(peer: UnixPeer): void }): { stop(): void } {
  const listener = Bun.listen<Side>({
    unix: path,
    data: newSide(),
    socket: socketHandlers(handlers, handlers.open),
  });
  return { stop: () => listener.stop(true) };
}

/** Rejects where nobody listens on `path`. */
export async function connectUnix(path: string, handlers: UnixHandlers): Promise<UnixPeer> {
  const side = newSide();
  const socket = await Bun.connect<Side>({
    unix: path,
    data: side,
    socket: socketHandlers(handlers),
  });
  return peerOf(socket);
}

function newSide(): Side {
  return { peer: undefined, waiting: [], waitingBytes: 0 };
}

function socketHandlers(handlers: UnixHandlers, open?: (peer: UnixPeer) => void): Bun.SocketHandler<Side> {
  return {
    open(socket) {
      // A listener hands one and the same `data` to every socket it accepts.
      if (open !== undefined) socket.data = newSide();
      open?.(peerOf(socket));
    },
    data: (socket, bytes) => handlers.data(peerOf(socket), bytes),
    drain: (socket) => void flush(socket),
    close: (socket) => handlers.close(peerOf(socket)),
    // Bun sends exceptions of the handlers above here and goes on as if nothing had happened.
    error(_socket, error) {
      if (!("code" in error)) throw error;
    },
  };
}

function peerOf(socket: Socket): UnixPeer {
  socket.data.peer ??= { write: (bytes) => write(socket, bytes), close: () => socket.terminate() };
  return socket.data.peer;
}

function write(socket: Socket, bytes: Uint8Array): boolean {
  const side = socket.data;
  if (side.waitingBytes + bytes.length > backlogBytesMax) {
    socket.terminate();
    return false;
  }
  side.waiting.push(bytes);
  side.waitingBytes += bytes.length;
  // More than one: a flush is under way and `drain` goes on with it.
  return side.waiting.length > 1 || flush(socket);
}

function flush(socket: Socket): boolean {
  const side = socket.data;
  for (;;) {
    const first = side.waiting[0];
    if (first === undefined) return true;
    const taken = socket.write(first);
    if (taken < 0) return false;
    side.waitingBytes -= taken;
    if (taken < first.length) {
      side.waiting[0] = first.subarray(taken);
      return true;
    }
    side.waiting.shift();
  }
}

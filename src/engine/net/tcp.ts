import type { Socket, SocketHandler, TCPSocketListenOptions } from "bun";

/**
 * The data plane's door to TCP. What is special about the runtime's sockets, and relied on here, is held by
 * test/runtime/bun-traps.test.ts:
 *   - `write` gives the bytes the kernel took, or -1 when the connection is already broken;
 *   - `end` and `close` drop what was not taken, so nobody ends before the backlog is empty;
 *   - a reset that meets our own write is reported as `end`, like an orderly FIN;
 *   - exceptions thrown in a handler only reach `error`, so that is where a broken invariant ends the process.
 */
export type TcpSocket<T> = Socket<T>;

export interface TcpHandlers<T> {
  readonly open: (socket: Socket<T>) => void;
  readonly data: (socket: Socket<T>, chunk: Uint8Array) => void;
  readonly drain: (socket: Socket<T>) => void;
  /** The peer has sent FIN (or, after a failed write, a reset). */
  readonly end: (socket: Socket<T>) => void;
  /** Called once for every socket that was opened. `isReset` when the peer reset the connection. */
  readonly close: (socket: Socket<T>, isReset: boolean) => void;
}

export interface Listener {
  /** Stops accepting; accepted connections go on. */
  stop(): void;
}

/**
 * Accepts on an inherited, listening descriptor. `data` is what a new socket carries until `open` gives it its own.
 * Half-open connections stay open until both sides are done.
 */
export function listenTcp<T>(fd: number, data: T, handlers: TcpHandlers<T>): Listener {
  const options = { fd, allowHalfOpen: true, data, socket: toBun(handlers) };
  const listener = Bun.listen<T>(options as unknown as TCPSocketListenOptions<T>);
  return { stop: () => listener.stop(false) };
}

export type Connector<T> = (target: { readonly ip: string; readonly port: number }, data: T) => void;

/**
 * Makes a function that connects to IP literals. `failed` is called instead of `open`, with the errno's name. There is no
 * handle before `open`: a connect to a silent host cannot be called off, only ignored, until the kernel gives up (about
 * two minutes).
 */
export function connector<T>(handlers: TcpHandlers<T>, failed: (data: T, code: string) => void): Connector<T> {
  const socket: SocketHandler<T> = {
    ...toBun(handlers),
    connectError: (failing, error) => failed(failing.data, errorCode(error)),
  };
  // The promise says the same as `connectError`, which comes first.
  const ignored = (): void => {};
  return (target, data) => {
    Bun.connect<T>({
      hostname: target.ip,
      port: target.port,
      allowHalfOpen: true,
      data,
      socket,
    }).then(ignored, ignored);
  };
}

/** Sends FIN and lets go of the socket; what `write` did not take is lost, what the peer still sends is answered by a reset. */
export function closeTcp<T>(socket: Socket<T>): void {
  // One system call less than `end()`; missing in the type declarations.
  (socket as unknown as { close(): void }).close();
}

function toBun<T>(handlers: TcpHandlers<T>): SocketHandler<T> {
  return {
    open: handlers.open,
    data: handlers.data,
    drain: handlers.drain,
    end: handlers.end,
    close: (socket, error) => handlers.close(socket, error !== undefined && error !== null),
    error: (_socket, error) => rethrow(error),
  };
}

/** An error with an errno comes from the connection, and `close` follows; any other is ours. */
function rethrow(error: Error): void {
  if (errorCode(error) !== "") return;
  // Thrown from a fresh stack, where no socket handler can swallow it.
  setImmediate(() => {
    throw error;
  });
}

function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : "";
}

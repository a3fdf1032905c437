import { connect } from "node:net";

/** What one connection tells its user; after `closed` nothing more comes. All are called later, never inside `dialOnce`. */
export interface OneShotEvents {
  opened(): void;
  data(bytes: Uint8Array): void;
  /** The peer sent FIN: nothing more comes from it. */
  ended(): void;
  /** The connection failed or broke; `code` is the errno name, for example `ECONNREFUSED`. */
  failed(code: string): void;
}

export interface OneShot {
  write(text: string): void;
  /** Ends the connection in any state, also while it is being made; no event follows. */
  cancel(): void;
}

/**
 * One connection for one question and its answer. It is made with node:net, because a connect of `Bun.connect` gives
 * no handle before it is open, so that one to a silent host could not be cancelled for about two minutes.
 */
export function dialOnce(address: { readonly ip: string; readonly port: number }, events: OneShotEvents): OneShot {
  let isOver = false;
  const socket = connect({ host: address.ip, port: address.port, noDelay: true });
  socket.on("connect", () => {
    if (!isOver) events.opened();
  });
  socket.on("data", (bytes: Uint8Array) => {
    if (!isOver) events.data(bytes);
  });
  socket.on("end", () => {
    if (!isOver) events.ended();
  });
  // Stays registered after `cancel`: an error without a listener would end the process.
  socket.on("error", (error: Error & { code?: string }) => {
    if (isOver) return;
    isOver = true;
    events.failed(error.code ?? error.message);
    socket.destroy();
  });
  return {
    write: (text) => void socket.write(text),
    cancel() {
      isOver = true;
      socket.destroy();
    },
  };
}

/** A connection to a listener that speaks the echo worker's lines. */
export interface EchoAnswer {
  readonly pid: number;
  readonly uid: number;
  readonly revision: number;
  readonly connectionsMax: number;
  readonly states: string;
}

export interface EchoClient {
  ask(): Promise<EchoAnswer>;
  send(line: string): void;
  readonly closed: Promise<void>;
  close(): void;
}

const open = new Set<EchoClient>();

/** For afterEach: a drain waits for clients. */
export function closeClients(): void {
  for (const client of open) client.close();
}

/** Rejects where the connection is refused. */
export async function connect(address: { readonly host: string; readonly port: number }): Promise<EchoClient> {
  const closed = Promise.withResolvers<void>();
  let answer = Promise.withResolvers<EchoAnswer>();
  answer.promise.catch(() => undefined);
  const socket = await Bun.connect({
    hostname: address.host,
    port: address.port,
    socket: {
      data: (_socket, bytes) => answer.resolve(JSON.parse(bytes.toString()) as EchoAnswer),
      close() {
        closed.resolve();
        answer.reject(new Error("closed"));
      },
    },
  });
  const client: EchoClient = {
    ask() {
      answer = Promise.withResolvers();
      // Not everybody who asks waits for the answer.
      answer.promise.catch(() => undefined);
      socket.write("ask\n");
      return answer.promise;
    },
    send: (line) => void socket.write(`${line}\n`),
    closed: closed.promise,
    close: () => socket.end(),
  };
  open.add(client);
  void closed.promise.then(() => open.delete(client));
  return client;
}

import type { Address } from "../../support/raw-client.ts";

/** What clients saw that take every failure to heart: no retry, no second try. */
export interface Tally {
  answered: number;
  readonly failures: string[];
  /** Of one request, connecting included. */
  longestMs: number;
}

export interface Load {
  readonly tally: Tally;
  /** Lets running requests finish; then nothing of it is left. */
  stop(): Promise<Tally>;
}

const pauseMs = 2;
const answerTimeoutMs = 5_000;

/**
 * Asks without a break until it is stopped: `keepAlive` clients on connections that they keep until an answer says
 * `Connection: close`, and `fresh` ones on a new connection for each request.
 */
export function startLoad(address: Address, { keepAlive, fresh }: { keepAlive: number; fresh: number }): Load {
  const tally: Tally = { answered: 0, failures: [], longestMs: 0 };
  const end = { isAsked: false };
  const clients = [
    ...Array.from({ length: keepAlive }, () => run(true)),
    ...Array.from({ length: fresh }, () => run(false)),
  ];
  return {
    tally,
    async stop() {
      end.isAsked = true;
      await Promise.all(clients);
      return tally;
    },
  };

  async function run(keeps: boolean): Promise<void> {
    let connection: Connection | undefined;
    while (!end.isAsked) {
      const startedMs = performance.now();
      try {
        connection ??= await open(address);
        const closes = await connection.ask(keeps);
        tally.answered++;
        if (closes) {
          connection.close();
          connection = undefined;
        }
      } catch (error) {
        tally.failures.push(`${keeps ? "kept" : "fresh"} connection: ${String(error)}`);
        connection?.close();
        connection = undefined;
      }
      tally.longestMs = Math.max(tally.longestMs, performance.now() - startedMs);
      await Bun.sleep(pauseMs);
    }
    connection?.close();
  }
}

interface Connection {
  /** True: the server closes after this answer, as asked or on its own. */
  ask(keeps: boolean): Promise<boolean>;
  close(): void;
}

async function open({ host, port }: Address): Promise<Connection> {
  let text = "";
  let waiting: PromiseWithResolvers<boolean> | undefined;
  const socket = await Bun.connect({
    hostname: host,
    port,
    socket: {
      data(_socket, bytes) {
        text += bytes.toString("latin1");
        const end = text.indexOf("\r\n\r\n");
        if (end < 0) return;
        const length = Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? Number.NaN);
        if (text.length < end + 4 + length) return;
        const status = text.slice(9, 12);
        const closes = /^connection: *close/im.test(text.slice(0, end));
        text = "";
        if (status === "200") waiting?.resolve(closes);
        else waiting?.reject(new Error(`status ${status}`));
      },
      error: (_socket, error) => waiting?.reject(error),
      close: () => waiting?.reject(new Error("closed without an answer")),
    },
  });
  return {
    ask(keeps) {
      waiting = Promise.withResolvers();
      const { promise, reject } = waiting;
      const timer = setTimeout(() => reject(new Error(`no answer in ${answerTimeoutMs} ms`)), answerTimeoutMs);
      const request = `GET / HTTP/1.1\r\nHost: test\r\n${keeps ? "" : "Connection: close\r\n"}\r\n`;
      if (socket.write(request) < request.length) reject(new Error("the request was not taken"));
      return promise.finally(() => clearTimeout(timer));
    },
    close: () => socket.end(),
  };
}

import type { Socket, TCPSocketListener } from "bun";
import { Waiters } from "../../support/within.ts";

/** A request without a body that waits for its answer. */
export interface HeldRequest {
  /** First line. */
  readonly line: string;
  readonly atMs: number;
  isOver: boolean;
  /** 200 with `ok`; says when. */
  answer(head?: string): number;
}

interface Side {
  received: string;
  held: HeldRequest[];
}

/**
 * An origin for limits: it answers when told, or by itself, and knows how many requests and connections it had at most at
 * a time. Unlike the raw origin it keeps no bytes, so that it stands thousands of requests on a connection.
 */
export class HeldOrigin {
  /** Answers each request in the next turn of the loop. */
  answersAtOnce = false;
  readonly requests: HeldRequest[] = [];
  now = 0;
  most = 0;
  connections = 0;
  connectionsMost = 0;
  readonly #listener: TCPSocketListener<Side>;
  readonly #waiters = new Waiters();

  constructor() {
    this.#listener = Bun.listen<Side>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => {
          socket.setNoDelay(true);
          socket.data = { received: "", held: [] };
          this.connections++;
          this.connectionsMost = Math.max(this.connectionsMost, this.connections);
          this.#waiters.changed();
        },
        data: (socket, chunk) => this.#read(socket, chunk),
        close: (socket) => {
          this.connections--;
          for (const request of socket.data.held) this.#over(request);
          this.#waiters.changed();
        },
      },
    });
  }

  get endpoint(): string {
    return `127.0.0.1:${this.#listener.port}`;
  }

  /** Waits until `count` requests have come in all, and gives the last of them. */
  async untilRequests(count: number): Promise<HeldRequest> {
    await this.until(`${count} requests`, () => this.requests.length >= count);
    return this.requests[count - 1]!;
  }

  until(what: string, isMet: () => boolean, timeoutMs?: number): Promise<void> {
    return this.#waiters.until(what, isMet, timeoutMs).catch((error: Error) => {
      throw new Error(`${error.message}; requests: ${this.requests.map(({ line }) => line.slice(-40)).join(" | ")}`);
    });
  }

  stop(): void {
    this.#listener.stop(true);
  }

  #read(socket: Socket<Side>, chunk: Uint8Array): void {
    const side = socket.data;
    side.received += Buffer.from(chunk).toString("latin1");
    for (let end = side.received.indexOf("\r\n\r\n"); end >= 0; end = side.received.indexOf("\r\n\r\n")) {
      const line = side.received.slice(0, side.received.indexOf("\r\n"));
      side.received = side.received.slice(end + 4);
      this.#hold(socket, line);
    }
  }

  #hold(socket: Socket<Side>, line: string): void {
    const request: HeldRequest = {
      line,
      atMs: performance.now(),
      isOver: false,
      answer: (head = "HTTP/1.1 200 OK") => {
        this.#over(request);
        const sentMs = performance.now();
        socket.write(`${head}\r\nContent-Length: 2\r\n\r\nok`);
        return sentMs;
      },
    };
    this.requests.push(request);
    socket.data.held.push(request);
    this.most = Math.max(this.most, ++this.now);
    if (this.answersAtOnce) setImmediate(() => void (request.isOver || request.answer()));
    this.#waiters.changed();
  }

  #over(request: HeldRequest): void {
    if (request.isOver) return;
    request.isOver = true;
    this.now--;
  }
}

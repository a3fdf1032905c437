import type { Socket, TCPSocketListener } from "bun";
import type { Address, Ending } from "./raw-client.ts";
import { AmbiguousError, type SeenRequest, readRequests } from "./strict-reader.ts";
import { bytesOf, showWire } from "./wire.ts";
import { Waiters } from "./within.ts";

/** One request as it reaches the script: its head is complete, its body perhaps not yet. */
export interface OriginExchange {
  readonly request: SeenRequest;
  readonly connection: OriginConnection;
  /** Place of this request among all of this origin, from 0. */
  readonly index: number;
  /** Resolves with the whole request once its body is complete. */
  untilBody(timeoutMs?: number): Promise<SeenRequest>;
}

/** What the origin does with a request; it may answer anything, late, in pieces, or never. */
export type OriginScript = (exchange: OriginExchange) => void | Promise<void>;

/** A complete answer with Content-Length. */
export function reply(body = "ok", head = "HTTP/1.1 200 OK", headers: readonly string[] = []): string {
  return [head, `Content-Length: ${Buffer.byteLength(body, "latin1")}`, ...headers, "", body].join("\r\n");
}

/** A script that waits for the whole request and sends these bytes. */
export function answerWith(bytes: string | Uint8Array): OriginScript {
  return async ({ connection, untilBody }) => {
    await untilBody();
    connection.send(bytes);
  };
}

/**
 * An HTTP/1 origin without manners: it keeps the exact bytes of every connection and does what the script says.
 * Requests are read strictly; one that could be read in two ways lands in `faults` and its connection is reset.
 */
export function startOrigin(script: OriginScript = answerWith(reply())): RawOrigin {
  return new RawOrigin(script);
}

export class RawOrigin {
  script: OriginScript;
  readonly connections: OriginConnection[] = [];
  /** Errors of scripts and requests that were ambiguous: a test ends by asserting that there are none. */
  readonly faults: string[] = [];
  readonly #listener: TCPSocketListener<OriginConnection>;
  readonly #waiters = new Waiters();
  #requestsSeen = 0;

  constructor(script: OriginScript) {
    this.script = script;
    this.#listener = Bun.listen<OriginConnection>({
      hostname: "127.0.0.1",
      port: 0,
      allowHalfOpen: true,
      socket: {
        open: (socket) => {
          socket.data = new OriginConnection(this, socket, this.connections.length);
          this.connections.push(socket.data);
          socket.setNoDelay(true);
          this.changed();
        },
        data: (socket, chunk) => socket.data.got(chunk),
        drain: (socket) => socket.data.flush(),
        end: (socket) => socket.data.ended("fin"),
        close: (socket, error) => socket.data.ended(error === undefined || error === null ? "fin" : "reset"),
        error: (socket) => socket.data.ended("reset"),
      },
    });
  }

  get address(): Address {
    return { host: "127.0.0.1", port: this.#listener.port };
  }

  /** `host:port`, as in a configuration. */
  get endpoint(): string {
    return `127.0.0.1:${this.#listener.port}`;
  }

  /** Every request of every connection, in the order of their heads. */
  get requests(): readonly SeenRequest[] {
    return this.connections.flatMap((one) => one.requests).toSorted((a, b) => a.order - b.order);
  }

  get openConnections(): number {
    return this.connections.filter((one) => !one.isClosed).length;
  }

  nextRequest(): number {
    return this.#requestsSeen++;
  }

  changed(): void {
    this.#waiters.changed();
  }

  until(what: string, isMet: () => boolean, timeoutMs?: number): Promise<void> {
    return this.#waiters.until(what, isMet, timeoutMs);
  }

  /** Forgets what was seen and ends every connection, so that the next test starts clean. */
  resetAll(): void {
    for (const one of this.connections) if (!one.isClosed) one.reset();
    this.connections.length = 0;
    this.faults.length = 0;
    this.#requestsSeen = 0;
  }

  /** No new connections: they are refused from now on. Those that are open stay. */
  refuse(): void {
    this.#listener.stop(false);
  }

  stop(): void {
    this.#listener.stop(true);
  }
}

/** A request with its place in the order of arrival over all connections. */
export type ArrivedRequest = SeenRequest & { readonly order: number };

export class OriginConnection {
  readonly index: number;
  ending: Ending | undefined;
  isClosed = false;
  /** For bodies too large to keep: bytes are only counted, and no further request is read. */
  countOnly = false;
  receivedBytes = 0;
  requests: ArrivedRequest[] = [];
  readonly #origin: RawOrigin;
  readonly #socket: Socket<OriginConnection>;
  #chunks: Buffer[] = [];
  #tail: Buffer = Buffer.alloc(0);
  #backlog: Buffer[] = [];
  #finishWhenFlushed = false;

  constructor(origin: RawOrigin, socket: Socket<OriginConnection>, index: number) {
    this.#origin = origin;
    this.#socket = socket;
    this.index = index;
  }

  get received(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  /** The last bytes that came, also where they are only counted. */
  get tail(): Buffer {
    return this.#tail;
  }

  got(chunk: Uint8Array): void {
    this.receivedBytes += chunk.length;
    this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-64);
    if (!this.countOnly) {
      this.#chunks.push(Buffer.from(chunk));
      this.#readOn();
    }
    this.#origin.changed();
  }

  ended(how: Ending): void {
    this.ending ??= how;
    this.#origin.changed();
    if (this.#socket.readyState <= 0) this.isClosed = true;
  }

  #readOn(): void {
    let seen: readonly SeenRequest[];
    try {
      seen = readRequests(this.received);
    } catch (error) {
      if (!(error instanceof AmbiguousError)) throw error;
      this.#origin.faults.push(`${error.message} in ${showWire(this.received)}`);
      this.reset();
      return;
    }
    const known = this.requests;
    this.requests = seen.map((request, at) => ({
      ...request,
      order: known[at]?.order ?? this.#origin.nextRequest(),
    }));
    for (const request of this.requests.slice(known.length)) this.#run(request);
  }

  #run(request: ArrivedRequest): void {
    const at = this.requests.indexOf(request);
    const current = (): SeenRequest => this.requests[at] ?? request;
    const untilBody = async (timeoutMs?: number): Promise<SeenRequest> => {
      const isMet = (): boolean => current().complete || this.ending !== undefined;
      await this.#origin.until(`the body of ${request.method} ${request.target}`, isMet, timeoutMs);
      return current();
    };
    const exchange: OriginExchange = { request, connection: this, index: request.order, untilBody };
    Promise.resolve()
      .then(() => this.#origin.script(exchange))
      .catch((error: unknown) => this.#origin.faults.push(String(error)));
  }

  send(bytes: string | Uint8Array): void {
    this.#backlog.push(bytesOf(bytes));
    this.flush();
  }

  async sendPieces(pieces: readonly (string | Uint8Array)[]): Promise<void> {
    for (const piece of pieces) {
      this.send(piece);
      await Bun.sleep(1);
    }
  }

  get backlogBytes(): number {
    return this.#backlog.reduce((sum, one) => sum + one.length, 0);
  }

  flush(): void {
    for (let first = this.#backlog[0]; first !== undefined; first = this.#backlog[0]) {
      const taken = this.#socket.write(first);
      if (taken < 0) {
        this.#backlog = [];
        break;
      }
      if (taken < first.length) {
        this.#backlog[0] = first.subarray(taken);
        return;
      }
      this.#backlog.shift();
    }
    this.#origin.changed();
    if (this.#finishWhenFlushed) this.#close();
  }

  /** Ends our sending direction with a FIN after all that was sent, and goes on reading. */
  finish(): void {
    this.#finishWhenFlushed = true;
    if (this.#backlog.length === 0) this.#close();
  }

  #close(): void {
    // Both sides are done: a shutdown alone would leave the descriptor open.
    if (this.ending === undefined) this.#socket.shutdown();
    else this.#socket.end();
  }

  /** RST, at once. */
  reset(): void {
    this.#backlog = [];
    this.isClosed = true;
    this.#socket.terminate();
  }

  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  until(what: string, isMet: () => boolean, timeoutMs?: number): Promise<void> {
    return this.#origin.until(what, isMet, timeoutMs);
  }

  untilClosed(timeoutMs?: number): Promise<void> {
    return this.until(`the end of connection ${this.index}`, () => this.ending !== undefined, timeoutMs);
  }
}

import type { Socket } from "bun";
import { type SeenResponse, readResponses } from "./strict-reader.ts";
import { bytesOf, showWire } from "./wire.ts";
import { Waiters } from "./within.ts";

/** How the other side ended the connection. */
export type Ending = "fin" | "reset";

/** An address a client connects to. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Opens a connection that sends exactly the bytes it is given and keeps everything that comes back. */
export async function connectRaw(address: Address): Promise<RawClient> {
  const client = new RawClient();
  await Bun.connect<RawClient>({
    hostname: address.host,
    port: address.port,
    data: client,
    allowHalfOpen: true,
    socket: {
      open: (socket) => socket.data.opened(socket),
      data: (socket, chunk) => socket.data.got(chunk),
      drain: (socket) => socket.data.flush(),
      end: (socket) => socket.data.ended("fin"),
      close: (socket, error) => socket.data.ended(error === undefined || error === null ? "fin" : "reset"),
      error: (socket) => socket.data.ended("reset"),
    },
  });
  return client;
}

export class RawClient {
  /** Set by `keepBytes = false`: count only, for bodies too large to keep. */
  keepBytes = true;
  receivedBytes = 0;
  ending: Ending | undefined;
  #socket: Socket<RawClient> | undefined;
  #chunks: Buffer[] = [];
  #backlog: Buffer[] = [];
  #finishWhenFlushed = false;
  readonly #waiters = new Waiters();

  opened(socket: Socket<RawClient>): void {
    this.#socket = socket;
    socket.setNoDelay(true);
  }

  got(chunk: Uint8Array): void {
    this.receivedBytes += chunk.length;
    if (this.keepBytes) this.#chunks.push(Buffer.from(chunk));
    this.#waiters.changed();
  }

  ended(how: Ending): void {
    this.ending ??= how;
    this.#waiters.changed();
  }

  /** Everything received so far. */
  get received(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  get text(): string {
    return this.received.toString("latin1");
  }

  /** Bytes that the kernel did not take yet. */
  get backlogBytes(): number {
    return this.#backlog.reduce((sum, one) => sum + one.length, 0);
  }

  send(bytes: string | Uint8Array): void {
    this.#backlog.push(bytesOf(bytes));
    this.flush();
  }

  /** Each piece gets its own segment: the loop turns between them. */
  async sendPieces(pieces: readonly (string | Uint8Array)[]): Promise<void> {
    for (const piece of pieces) {
      this.send(piece);
      await Bun.sleep(1);
    }
  }

  flush(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    for (let first = this.#backlog[0]; first !== undefined; first = this.#backlog[0]) {
      const taken = socket.write(first);
      if (taken < 0) {
        this.#backlog = [];
        break;
      }
      if (taken < first.length) {
        this.#backlog[0] = first.subarray(taken);
        this.#waiters.changed();
        return;
      }
      this.#backlog.shift();
    }
    this.#waiters.changed();
    if (this.#finishWhenFlushed) socket.shutdown();
  }

  /** FIN after everything sent has left; the answer is still read. */
  finish(): void {
    this.#finishWhenFlushed = true;
    if (this.#backlog.length === 0) this.#socket?.shutdown();
  }

  /** RST. */
  reset(): void {
    this.#backlog = [];
    this.#socket?.terminate();
  }

  pauseReading(): void {
    this.#socket?.pause();
  }

  resumeReading(): void {
    this.#socket?.resume();
  }

  /** Ends our side in whatever state it is in; for `finally`. */
  close(): void {
    this.#backlog = [];
    this.#socket?.end();
  }

  until(what: string, isMet: () => boolean, timeoutMs?: number): Promise<void> {
    return this.#waiters.until(what, isMet, timeoutMs).catch((error: Error) => {
      throw new Error(`${error.message}; ending ${this.ending ?? "none"}, received: ${showWire(this.received)}`);
    });
  }

  untilText(text: string, timeoutMs?: number): Promise<void> {
    return this.until(`the text ${JSON.stringify(text)}`, () => this.text.includes(text), timeoutMs);
  }

  untilClosed(timeoutMs?: number): Promise<void> {
    return this.until("the end of the connection", () => this.ending !== undefined, timeoutMs);
  }

  untilFlushed(timeoutMs?: number): Promise<void> {
    return this.until("the kernel took everything", () => this.#backlog.length === 0, timeoutMs);
  }

  /** What came so far as responses to requests of the given methods (GET where none is given). */
  responses(methods: readonly string[] = []): readonly SeenResponse[] {
    return readResponses(this.received, { methods, ended: this.ending !== undefined });
  }

  /** Waits for `count` final responses that are complete (or until the connection ended) and gives them all. */
  async untilResponses(
    count: number,
    methods: readonly string[] = [],
    timeoutMs?: number,
  ): Promise<readonly SeenResponse[]> {
    const enough = (): boolean =>
      this.ending !== undefined ||
      this.responses(methods).filter((one) => one.status >= 200 && one.complete).length >= count;
    await this.until(`${count} response(s)`, enough, timeoutMs);
    return this.responses(methods);
  }
}

/** One request on a connection of its own: sends, waits for the answer, closes. */
export async function ask(address: Address, request: string | Uint8Array, method = "GET"): Promise<SeenResponse> {
  const client = await connectRaw(address);
  try {
    client.send(request);
    const seen = (await client.untilResponses(1, [method])).filter((one) => one.status >= 200);
    const first = seen[0];
    if (first === undefined) throw new Error(`no response; received: ${showWire(client.received)}`);
    return first;
  } finally {
    client.close();
  }
}

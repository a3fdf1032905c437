import type { ToSupervisor, ToWorker } from "../../model/link.ts";
import type { Timers } from "../../platform/ports.ts";
import { connectUnix, type UnixPeer } from "../net/unix.ts";
import { encodeFrame, FrameReader } from "./frame.ts";

export interface LinkClientHandlers {
  /** Connected, for the first time or again: say hello. */
  up(): void;
  message(message: ToWorker): void;
  /** The connection ended, or an attempt failed; the next one follows by itself. */
  down(): void;
}

const retryFirstMs = 20;
/** A supervisor that follows a killed one waits for its workers. */
const retryMostMs = 200;

/** The worker's end of the link. It connects again for as long as it lives: a new supervisor may take over. */
export class LinkClient {
  readonly #path: string;
  readonly #timers: Timers;
  readonly #handlers: LinkClientHandlers;
  #peer: UnixPeer | undefined;
  #retryMs = retryFirstMs;

  constructor(path: string, timers: Timers, handlers: LinkClientHandlers) {
    this.#path = path;
    this.#timers = timers;
    this.#handlers = handlers;
    void this.#connect();
  }

  get isUp(): boolean {
    return this.#peer !== undefined;
  }

  /** False: not sent, because nobody is there. */
  send(message: ToSupervisor): boolean {
    return this.#peer?.write(encodeFrame(message)) ?? false;
  }

  async #connect(): Promise<void> {
    const reader = new FrameReader();
    try {
      this.#peer = await connectUnix(this.#path, {
        data: (peer, bytes) => {
          const messages = reader.push(bytes);
          if (typeof messages === "string") peer.close();
          else for (const message of messages as ToWorker[]) this.#handlers.message(message);
        },
        close: () => this.#lost(),
      });
    } catch {
      // Nobody listens there now; the reason does not matter, the next try does.
      return this.#lost();
    }
    this.#retryMs = retryFirstMs;
    this.#handlers.up();
  }

  #lost(): void {
    this.#peer = undefined;
    this.#timers.after(this.#retryMs, () => void this.#connect());
    this.#retryMs = Math.min(this.#retryMs * 2, retryMostMs);
    this.#handlers.down();
  }
}

import { type Deadline, never } from "../../lib/timer-wheel.ts";
import type { Sender } from "../net/sender.ts";
import { closeTcp, type TcpSocket } from "../net/tcp.ts";
import { clientDeadline } from "./client-deadline.ts";
import type { Exchange } from "../proxy/exchange.ts";
import type { PartialHead } from "../proxy/partial-head.ts";
import type { HttpListener, Peer } from "./http-listener.ts";

export const Phase = {
  /** Between exchanges: a head is awaited, or part of one has come. */
  Head: 0,
  /** The body of the request is arriving. */
  Body: 1,
  /** The request is complete, the answer is not. */
  Answer: 2,
  /** Another protocol since a 101. */
  Tunnel: 3,
  /** Our side is closed; what still comes is thrown away, so that the last answer is not lost to a reset. */
  Linger: 4,
  Closed: 5,
} as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

/** How a connection ends once its backlog is written. */
export const Ending = {
  None: 0,
  /** FIN and gone. */
  Close: 1,
  /** FIN, then read on for a moment (RFC 9112 §9.6). */
  Linger: 2,
  /** RST: for a response whose end only the close marks, so that it is not taken for complete. */
  Reset: 3,
} as const;
export type Ending = (typeof Ending)[keyof typeof Ending];

const lingerMs = 2000;
export const lingerBytesMax = 1_048_576;

/**
 * A client's connection. Kept small, because thousands of them wait for a next request; everything an exchange needs
 * lives in the exchange.
 */
export class ClientConnection implements Sender, Deadline {
  readonly listener: HttpListener;
  readonly socket: TcpSocket<ClientConnection>;
  phase: Phase = Phase.Head;
  exchange: Exchange | null = null;
  /** Address and forwarded fields, from the first request on. */
  peer: Peer | null = null;
  partial: PartialHead | null = null;
  /** Bytes behind the current request: the next one, sent ahead. */
  ahead: Uint8Array | null = null;
  backlog: Uint8Array | null = null;
  isBroken = false;
  isPaused = false;
  /** The client has sent FIN. */
  sawEnd = false;
  ending: Ending = Ending.None;
  lingerBytes = 0;
  /** Requests that were sent ahead are being worked off. */
  isReadingAhead = false;

  // Of the running request body.
  bodyStartMs = 0;
  bodyBytes = 0;
  /** Time in which we did not read, which is not the client's fault. */
  pausedMs = 0;
  pausedSinceMs = 0;

  readDueMs = never;
  writeDueMs = never;
  deadlineMs = never;
  wheelSlot = -1;
  wheelMeetsMs = 0;
  wheelPrevious: Deadline | null = null;
  wheelNext: Deadline | null = null;

  constructor(listener: HttpListener, socket: TcpSocket<ClientConnection>) {
    this.listener = listener;
    this.socket = socket;
  }

  onDeadline(nowMs: number): void {
    clientDeadline(this, nowMs);
  }

  /** Sets when reading must have got on; `never` while nothing is awaited from the client. */
  awaitRead(dueMs: number): void {
    this.readDueMs = dueMs;
    this.listener.runtime.wheel.schedule(this, dueMs < this.writeDueMs ? dueMs : this.writeDueMs);
  }

  awaitWrite(dueMs: number): void {
    this.writeDueMs = dueMs;
    this.listener.runtime.wheel.schedule(this, dueMs < this.readDueMs ? dueMs : this.readDueMs);
  }

  pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.pausedSinceMs = this.listener.runtime.nowMs;
    this.socket.pause();
    if (this.phase === Phase.Body) this.awaitRead(never);
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    const runtime = this.listener.runtime;
    this.pausedMs += runtime.nowMs - this.pausedSinceMs;
    this.socket.resume();
    if (this.phase === Phase.Body) this.awaitRead(runtime.nowMs + this.listener.settings.timeouts.bodyMs);
  }

  /** Ends the connection as soon as everything for the client is written. The exchange must have been taken off before. */
  end(ending: Ending): void {
    if (this.phase === Phase.Closed) return;
    this.partial = null;
    this.ahead = null;
    if (this.backlog !== null && !this.isBroken) {
      this.ending = ending;
      this.phase = Phase.Linger;
      this.awaitRead(never);
      return;
    }
    if (ending !== Ending.Linger || this.sawEnd || this.isBroken) {
      this.close(ending === Ending.Reset);
      return;
    }
    this.phase = Phase.Linger;
    this.ending = Ending.None;
    this.socket.shutdown();
    this.resume();
    this.awaitRead(this.listener.runtime.nowMs + lingerMs);
  }

  /** Lets go of the socket at once. */
  close(resets: boolean): void {
    if (this.phase === Phase.Closed) return;
    this.phase = Phase.Closed;
    this.partial = null;
    this.ahead = null;
    this.backlog = null;
    const runtime = this.listener.runtime;
    runtime.wheel.remove(this);
    this.listener.leave(this);
    if (resets) this.socket.terminate();
    else closeTcp(this.socket);
  }
}

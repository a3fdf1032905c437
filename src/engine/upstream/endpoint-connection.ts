import { type Deadline, never } from "../../lib/timer-wheel.ts";
import type { Sender } from "../net/sender.ts";
import { closeTcp, type TcpSocket } from "../net/tcp.ts";
import type { Exchange } from "../proxy/exchange.ts";
import type { PartialHead } from "../proxy/partial-head.ts";
import type { Endpoint } from "./endpoint.ts";

export const ConnectionState = {
  Connecting: 0,
  /** Carries an exchange. */
  Busy: 1,
  /** Waits in the endpoint's pool for another exchange. */
  Idle: 2,
  /** Carries bytes of another protocol after a 101. */
  Tunnel: 3,
  Closed: 4,
} as const;
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState];

/** A connection to an endpoint, from its connect on. It carries one exchange at a time. */
export class EndpointConnection implements Sender, Deadline {
  readonly endpoint: Endpoint;
  socket: TcpSocket<EndpointConnection> | null = null;
  state: ConnectionState = ConnectionState.Connecting;
  exchange: Exchange | null = null;
  backlog: Uint8Array | null = null;
  isBroken = false;
  isPaused = false;
  /** The endpoint has sent FIN. */
  sawEnd = false;
  /** Exchanges it has carried. */
  uses = 0;
  idleSinceMs = 0;
  /** What the endpoint said it waits for the next request, -1 = it did not say. */
  keepAliveMs = -1;
  /** Response head that did not come whole. */
  partial: PartialHead | null = null;
  /** The endpoint's list of its connections. */
  previousOpen: EndpointConnection | null = null;
  nextOpen: EndpointConnection | null = null;

  deadlineMs = never;
  wheelSlot = -1;
  wheelMeetsMs = 0;
  wheelPrevious: Deadline | null = null;
  wheelNext: Deadline | null = null;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  /** Only an unused connection has a deadline of its own. */
  onDeadline(): void {
    if (this.state === ConnectionState.Idle) this.close();
  }

  pause(): void {
    if (this.isPaused || this.socket === null) return;
    this.isPaused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.isPaused || this.socket === null) return;
    this.isPaused = false;
    this.socket.resume();
  }

  /** Lets go of it at once, whatever it is doing. The exchange must have been taken off before. */
  close(): void {
    if (this.state === ConnectionState.Closed) return;
    const wasIdle = this.state === ConnectionState.Idle;
    this.state = ConnectionState.Closed;
    this.exchange = null;
    this.backlog = null;
    this.partial = null;
    this.endpoint.forget(this, wasIdle);
    if (this.socket !== null) closeTcp(this.socket);
  }
}

/**
 * The client of the failure table as a program: `bun client.ts PLAN-AS-JSON`. An open loop: requests leave when their time
 * has come, whatever became of those before, so a stall is felt by all that fall into it. Half of the requests use kept
 * connections (one request at a time each, another connection where none is free), half a new one each. SIGUSR2 ends the
 * sending; the report is written when every request has ended.
 */
import { writeFileSync } from "node:fs";
import type { Socket } from "bun";
import { type ClientPlan, type FailureKind, type Pause, type RequestRecord, wallMs } from "./records.ts";

const plan = JSON.parse(process.argv[2] ?? "{}") as ClientPlan;
const tickMs = 2;
/** The tick's own jitter is no pause. */
const pauseFromMs = 8;
const sendingMsMax = 180_000;
const postBody = "x".repeat(64);

const requests: RequestRecord[] = [];
const pauses: Pause[] = [];
const idle: Connection[] = [];
const flights = new Set<Flight>();
let isSending = true;

/** A request under way. */
interface Flight {
  readonly id: string;
  readonly method: "GET" | "POST";
  readonly isKept: boolean;
  readonly startMs: number;
  /** Set by the second try: what the first one came to. */
  first: { readonly endMs: number; readonly status: number; readonly failure: FailureKind } | undefined;
  connection: Connection | undefined;
}

class Connection {
  socket: Socket<Connection> | undefined;
  flight: Flight | undefined;
  text = "";

  opened(socket: Socket<Connection>): void {
    this.socket = socket;
    // The client may have lost its patience in the meantime.
    if (this.flight === undefined) socket.terminate();
    else this.send();
  }

  send(): void {
    const { id, method } = this.flight!; // only called with a flight
    const body = method === "POST" ? `Content-Length: ${postBody.length}\r\n\r\n${postBody}` : "\r\n";
    const close = this.flight!.isKept ? "" : "Connection: close\r\n";
    this.socket!.write(`${method} /${id} HTTP/1.1\r\nHost: faults\r\n${close}${body}`);
  }

  got(chunk: Uint8Array): void {
    this.text += Buffer.from(chunk).toString("latin1");
    const { flight, text } = this;
    const headEnd = text.indexOf("\r\n\r\n");
    if (flight === undefined || headEnd < 0) return;
    const head = text.slice(0, headEnd);
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? -1);
    const body = text.slice(headEnd + 4);
    if (length >= 0 && body.length < length) return;
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? 0);
    const isKept = flight.isKept && length >= 0 && !/^connection: *close/im.test(head);
    this.text = "";
    this.flight = undefined;
    if (isKept) idle.push(this);
    else this.socket?.end();
    const isRight = body === flight.id;
    if (status >= 200 && status < 300) finish(flight, status, isRight ? undefined : "wrong");
    else finish(flight, status, status === 0 ? "wrong" : "status");
  }

  ended(isReset: boolean): void {
    const { flight } = this;
    this.flight = undefined;
    const at = idle.indexOf(this);
    if (at >= 0) idle.splice(at, 1);
    this.socket?.end();
    if (flight === undefined) return;
    finish(flight, 0, this.text !== "" ? "cut" : isReset ? "reset" : "closed");
  }
}

const handlers = {
  open: (socket: Socket<Connection>) => socket.data.opened(socket),
  data: (socket: Socket<Connection>, chunk: Uint8Array) => socket.data.got(chunk),
  end: (socket: Socket<Connection>) => socket.data.ended(false),
  close: (socket: Socket<Connection>, error?: Error | null) => socket.data.ended(error !== undefined && error !== null),
  error: (socket: Socket<Connection>) => socket.data.ended(true),
  connectError: (socket: Socket<Connection>) => refused(socket.data),
};

function refused(connection: Connection): void {
  const { flight } = connection;
  connection.flight = undefined;
  if (flight !== undefined) finish(flight, 0, "refused");
}

function begin(flight: Flight, mayReuse: boolean): void {
  flights.add(flight);
  const known = mayReuse ? idle.pop() : undefined;
  const connection = known ?? new Connection();
  connection.flight = flight;
  flight.connection = connection;
  if (known !== undefined) {
    connection.send();
    return;
  }
  const ignored = (): void => {}; // connectError has said it
  Bun.connect({ hostname: plan.host, port: plan.port, data: connection, socket: handlers }).then(ignored, ignored);
}

function finish(flight: Flight, status: number, failure: FailureKind | undefined): void {
  flights.delete(flight);
  const endMs = wallMs();
  if (failure !== undefined && flight.method === "GET" && flight.first === undefined) {
    // What a client that retries once would see; the record keeps both.
    begin({ ...flight, first: { endMs, status, failure }, connection: undefined }, false);
    return;
  }
  const { id, method, isKept, startMs, first } = flight;
  const outcome = first ?? { endMs, status, failure };
  requests.push({ id, method, isKept, startMs, ...outcome, failedAgain: failure !== undefined });
}

function loseByPatience(nowMs: number): void {
  for (const flight of flights) {
    if (nowMs - (flight.first?.endMs ?? flight.startMs) < plan.patienceMs) continue;
    if (flight.connection !== undefined) {
      flight.connection.flight = undefined;
      flight.connection.socket?.terminate();
    }
    finish(flight, 0, "late");
  }
}

const startedMs = wallMs();
let lastTickMs = startedMs;
const sent = { GET: 0, POST: 0 };

function send(method: "GET" | "POST", dueMs: number): void {
  const number = sent[method]++;
  const id = `${plan.prefix}-${method === "GET" ? "g" : "p"}${number}`;
  const isKept = number % 2 === 0;
  begin({ id, method, isKept, startMs: dueMs, first: undefined, connection: undefined }, isKept);
}

const ticker = setInterval(() => {
  const nowMs = wallMs();
  if (nowMs - lastTickMs > pauseFromMs) pauses.push({ fromMs: lastTickMs, toMs: nowMs });
  lastTickMs = nowMs;
  if (isSending) {
    for (const [method, perSecond] of [
      ["GET", plan.getsPerSecond],
      ["POST", plan.postsPerSecond],
    ] as const) {
      while ((sent[method] + 1) * 1000 <= (nowMs - startedMs) * perSecond) send(method, nowMs);
    }
  } else if (flights.size === 0) leave();
  loseByPatience(nowMs);
}, tickMs);

function leave(): void {
  clearInterval(ticker);
  writeFileSync(plan.file, JSON.stringify({ requests, pauses }));
  process.exit(0);
}

process.on("SIGUSR2", () => (isSending = false));
// Nobody is left who could say it.
setTimeout(() => (isSending = false), sendingMsMax).unref();
console.log("sending");

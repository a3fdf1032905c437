import { Method } from "../../core/http1/method.ts";
import { Refusal, refusalCode, refusalStatus, refusalText } from "../../core/http1/refusal.ts";
import { latin1 } from "../../lib/bytes.ts";
import { Failure, failureCode, failureStatus, failureText } from "../../model/failure.ts";
import { ListenerSlot, WorkerSlot } from "../../observe/counters.ts";
import { clock } from "../../platform/clock.ts";
import { type ClientConnection, Ending } from "../listener/client-connection.ts";
import { send } from "../net/sender.ts";
import type { Exchange } from "./exchange.ts";
import { clientFinished } from "./finish.ts";

const reasons: Readonly<Record<number, string>> = {
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  411: "Length Required",
  413: "Content Too Large",
  414: "URI Too Long",
  417: "Expectation Failed",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};

/** The head was refused, or did not come in time: nothing that follows on this connection can be trusted. */
export function refuse(client: ClientConnection, refusal: Refusal): void {
  client.listener.runtime.counters[WorkerSlot.badRequests]!++;
  respondAndEnd(client, refusalStatus(refusal), refusalCode(refusal), refusalText(refusal));
}

/** An answer of ours where no exchange has begun; the connection ends. */
export function respond(client: ClientConnection, failure: Failure): void {
  respondAndEnd(client, failureStatus(failure), failureCode(failure), failureText(failure));
}

function respondAndEnd(client: ClientConnection, status: number, code: string, text: string): void {
  countStatus(client, status);
  write(client, status, code, text, { closes: true, isHead: false });
  client.end(Ending.Linger);
}

/** Answers an exchange ourselves. The connection stays open where the request was read to its end. */
export function respondTo(exchange: Exchange, failure: Failure, refusal: Refusal = Refusal.None): void {
  const client = exchange.client!;
  const isRefused = refusal !== Refusal.None;
  const status = isRefused ? refusalStatus(refusal) : failureStatus(failure);
  const code = isRefused ? refusalCode(refusal) : failureCode(failure);
  const text = isRefused ? refusalText(refusal) : failureText(failure);
  exchange.keepsClient = exchange.keepsClient && exchange.isRequestDone && !isRefused && !client.listener.isLeaving;
  exchange.hasAnswered = true;
  exchange.status = status;
  countStatus(client, status);
  if (isRefused) exchange.runtime.counters[WorkerSlot.badRequests]!++;
  write(client, status, code, text, {
    closes: !exchange.keepsClient,
    isHead: exchange.method === Method.Head,
  });
  exchange.isResponseDone = true;
  if (client.backlog === null) clientFinished(exchange);
  else client.awaitWrite(exchange.runtime.nowMs + client.listener.settings.timeouts.writeMs);
}

function countStatus(client: ClientConnection, status: number): void {
  const slot = status < 500 ? ListenerSlot.status4xx : ListenerSlot.status5xx;
  client.listener.runtime.counters[client.listener.base + slot]!++;
}

/** Answers of ours are rare, so they are put together as text. */
function write(
  client: ClientConnection,
  status: number,
  code: string,
  text: string,
  how: { readonly closes: boolean; readonly isHead: boolean },
): void {
  const body = `${status} ${code}: ${text}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${reasons[status] ?? "Error"}`,
    `Date: ${new Date(clock.wallMs()).toUTCString()}`,
    "Content-Type: text/plain; charset=utf-8",
    "Cache-Control: no-store",
    `Content-Length: ${body.length}`,
    ...(status === 405 ? ["Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, TRACE, PATCH"] : []),
    ...(status === 503 ? ["Retry-After: 1"] : []),
    ...(how.closes ? ["Connection: close"] : []),
  ];
  const bytes = latin1(`${lines.join("\r\n")}\r\n\r\n${how.isHead ? "" : body}`);
  send(client, bytes, 0, bytes.length, true);
}

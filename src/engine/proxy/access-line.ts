import { latin1Text } from "../../lib/bytes.ts";
import { Failure, failureCode } from "../../model/failure.ts";
import { clock } from "../../platform/clock.ts";
import type { Exchange } from "./exchange.ts";

/**
 * One exchange as a line of JSON. The query may hold secrets (tokens in links) and is left out; the request id is the one
 * that the endpoint got.
 */
export function accessLine(exchange: Exchange): string {
  const client = exchange.client!;
  const head = latin1Text(exchange.out, 0, exchange.headLength);
  const [method = "", target = ""] = exchange.loggedRequest.split(" ");
  const query = target.indexOf("?");
  return JSON.stringify({
    time: new Date(clock.wallMs()).toISOString(),
    listener: client.listener.name,
    client: client.peer?.address,
    method,
    path: query < 0 ? target : target.slice(0, query),
    status: exchange.status,
    pool: exchange.pool?.name,
    endpoint: exchange.endpoint?.name,
    attempts: exchange.attempts,
    durationMs: Math.round((clock.monotonicMs() - exchange.loggedFromMs) * 100) / 100,
    bytesIn: client.bodyBytes,
    bytesOut: exchange.bytesOut,
    requestId: fieldValue(head, "x-request-id"),
    failure: exchange.failure === Failure.None ? undefined : failureCode(exchange.failure),
  });
}

function fieldValue(head: string, name: string): string | undefined {
  for (const line of head.split("\r\n")) {
    const colon = line.indexOf(":");
    if (line.slice(0, colon).toLowerCase() === name) return line.slice(colon + 1).trim();
  }
  return undefined;
}

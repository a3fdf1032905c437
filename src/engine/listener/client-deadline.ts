import { never } from "../../lib/timer-wheel.ts";
import { Failure } from "../../model/failure.ts";
import { abortByClient, failExchange } from "../proxy/finish.ts";
import { respond } from "../proxy/local-response.ts";
import { type ClientConnection, Ending, Phase } from "./client-connection.ts";

/** A client's deadline has passed: which one, and what follows from it. */
export function clientDeadline(client: ClientConnection, nowMs: number): void {
  if (nowMs >= client.writeDueMs) {
    if (client.exchange !== null) abortByClient(client, Failure.WriteTimeout);
    client.close(true);
    return;
  }
  if (nowMs < client.readDueMs) {
    client.awaitRead(client.readDueMs);
    return;
  }
  client.readDueMs = never;
  switch (client.phase) {
    case Phase.Head:
      if (client.partial === null) client.end(Ending.Close);
      else respond(client, Failure.HeadTimeout);
      return;
    case Phase.Body:
      failExchange(client.exchange!, Failure.BodyTimeout);
      return;
    case Phase.Linger:
      client.close(false);
      return;
    default:
      return;
  }
}

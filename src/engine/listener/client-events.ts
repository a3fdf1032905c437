import { Failure } from "../../model/failure.ts";
import { never } from "../../lib/timer-wheel.ts";
import { broken, flush } from "../net/sender.ts";
import type { TcpHandlers, TcpSocket } from "../net/tcp.ts";
import { abortByClient, clientFinished } from "../proxy/finish.ts";
import { readAhead, readBody, readHead } from "../proxy/request-flow.ts";
import { endFromClient, tunnelDrained, tunnelFromClient } from "../proxy/tunnel.ts";
import { type ClientConnection, Ending, lingerBytesMax, Phase } from "./client-connection.ts";
import { type HttpListener, refusedConnection } from "./http-listener.ts";

/** What the runtime reports of clients' sockets; shared by all of them, which is why each finds its own in `socket.data`. */
export const clientHandlers: TcpHandlers<ClientConnection> = {
  open(socket) {
    // Until `accept` gives the socket its connection, it carries the listener it came in through.
    (socket.data as unknown as HttpListener).accept(socket);
  },

  data(socket, chunk) {
    const client = socket.data;
    if (client === refusedConnection) return;
    switch (client.phase) {
      case Phase.Head:
        readHead(client, chunk, 0, chunk.length);
        return;
      case Phase.Body:
        readBody(client.exchange!, chunk, 0, chunk.length);
        return;
      case Phase.Answer:
        readAhead(client, chunk, 0, chunk.length);
        return;
      case Phase.Tunnel:
        tunnelFromClient(client, chunk);
        return;
      case Phase.Linger:
        client.lingerBytes += chunk.length;
        if (client.lingerBytes > lingerBytesMax && client.backlog === null) client.close(true);
        return;
      default:
        return;
    }
  },

  drain(socket) {
    const client = socket.data;
    if (client === refusedConnection || client.phase === Phase.Closed) return;
    if (client.backlog === null) return;
    const taken = flush(client);
    if (taken === broken) {
      lose(client, Failure.ClientReset);
      return;
    }
    if (client.backlog !== null) {
      client.awaitWrite(client.listener.runtime.nowMs + client.listener.settings.timeouts.writeMs);
      return;
    }
    client.awaitWrite(never);
    if (client.ending !== Ending.None) {
      client.end(client.ending);
      return;
    }
    const exchange = client.exchange;
    if (exchange === null) return;
    if (exchange.isResponseDone) {
      if (exchange.isRequestDone || !exchange.keepsClient) clientFinished(exchange);
      return;
    }
    exchange.connection?.resume();
    if (client.phase === Phase.Tunnel) tunnelDrained(exchange);
  },

  end(socket) {
    const client = socket.data;
    if (client === refusedConnection || client.phase === Phase.Closed) return;
    client.sawEnd = true;
    if (client.isBroken) {
      lose(client, Failure.ClientReset);
      return;
    }
    switch (client.phase) {
      case Phase.Tunnel:
        endFromClient(client);
        return;
      case Phase.Answer:
        if (client.listener.settings.waitsAfterFin) return;
        lose(client, Failure.ClientGone);
        return;
      case Phase.Body:
        lose(client, Failure.ClientGone);
        return;
      case Phase.Linger:
        if (client.backlog === null) client.close(false);
        return;
      default:
        client.end(Ending.Close);
    }
  },

  close(socket: TcpSocket<ClientConnection>, isReset) {
    const client = socket.data;
    if (client === refusedConnection || client.phase === Phase.Closed) return;
    lose(client, isReset || client.isBroken ? Failure.ClientReset : Failure.ClientGone);
  },
};

/** The client is not there any more. */
function lose(client: ClientConnection, failure: Failure): void {
  if (client.exchange !== null) abortByClient(client, failure);
  client.isBroken = client.isBroken || failure === Failure.ClientReset;
  client.close(false);
}

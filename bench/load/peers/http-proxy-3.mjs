// http-proxy-3 as its README uses it, with kept connections and the header fields of the others. One process, one thread.
import { randomUUID } from "node:crypto";
import http from "node:http";
import { createProxyServer } from "http-proxy-3";

const [listen, ...endpoints] = process.argv.slice(2).map(Number);
const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 1024, scheduling: "fifo" });
const proxy = createProxyServer({ agent });
let turn = 0;

proxy.on("error", (_error, _request, response) => {
  if ("writeHead" in response && !response.headersSent) response.writeHead(502);
  response.end();
});

const server = http.createServer((request, response) => {
  const { headers } = request;
  headers["x-forwarded-for"] = request.socket.remoteAddress;
  headers["x-forwarded-proto"] = "http";
  headers["x-forwarded-host"] = headers.host;
  headers["x-forwarded-port"] = String(listen);
  const id = randomUUID();
  headers["x-request-id"] = id;
  headers.traceparent ??= `00-${id.replaceAll("-", "")}-${id.slice(19, 23)}${id.slice(24)}-01`;
  turn = (turn + 1) % endpoints.length;
  proxy.web(request, response, { target: `http://127.0.0.1:${endpoints[turn]}` });
});
server.keepAliveTimeout = 60_000;
server.listen({ port: listen, host: "127.0.0.1", backlog: 4096 });

import { demoAnswer, listeningLine } from "../cli/quickstart/demo-service.ts";
import { serveHttp } from "../platform/http-server.ts";

// Arguments: name, port. Ends when standard input ends, which the quickstart holds open as long as it lives.
const [service = "demo", port = "0"] = process.argv.slice(2);
// Ctrl-C reaches the whole foreground group; the balancer drains first and needs its services for that.
process.on("SIGINT", () => undefined);
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
const server = serveHttp({ host: "127.0.0.1", port: Number(port) }, (request) =>
  demoAnswer(request, { service, pid: process.pid }),
);
if (server.ok) {
  console.log(listeningLine(server.value.port));
} else {
  console.error(`${service}: port ${port}: ${server.text}`);
  process.exit(1);
}

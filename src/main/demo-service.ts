import { listeningLine, serveDemo } from "../cli/quickstart/demo-service.ts";

// Arguments: name, port. Ends when standard input ends, which the quickstart holds open as long as it lives.
const [name = "demo", port = "0"] = process.argv.slice(2);
// Ctrl-C reaches the whole foreground group; the balancer drains first and needs its services for that.
process.on("SIGINT", () => undefined);
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
console.log(listeningLine(serveDemo({ name, port: Number(port), pid: process.pid })));

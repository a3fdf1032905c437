import type { HttpAnswer, HttpRequest } from "../../platform/http-server.ts";

const orders = [
  { id: 1, article: "points lever", pieces: 2 },
  { id: 2, article: "signal lamp", pieces: 12 },
  { id: 3, article: "rail spike", pieces: 400 },
] as const;

/**
 * A small REST service to balance: what the quickstart starts three times. GET / · GET /healthcheck · GET and POST
 * /orders · GET /orders/ID. Its name and process id stand in the answers, so that one sees who answered.
 */
export async function demoAnswer(
  request: HttpRequest,
  { service, pid }: { readonly service: string; readonly pid: number },
): Promise<HttpAnswer> {
  const { method, path } = request;
  // A real service would store it; this one has no memory on purpose, so that a killed one loses nothing.
  if (path === "/orders" && method === "POST") return json(201, { service, accepted: await request.text() });
  if (method !== "GET" && method !== "HEAD")
    return json(405, { service, error: "method not allowed" }, { Allow: "GET, HEAD" });
  if (path === "/") return json(200, { service, pid, paths: ["/orders", "/orders/1", "/healthcheck"] });
  if (path === "/healthcheck") return json(200, { service, status: "OK" });
  if (path === "/orders") return json(200, { service, orders });
  const id = /^\/orders\/([0-9]+)$/.exec(path)?.[1];
  const order = orders.find((one) => String(one.id) === id);
  return order === undefined ? json(404, { service, error: "not found" }) : json(200, { service, order });
}

function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return {
    status,
    headers: { "Content-Type": "application/json", ...headers },
    body: `${JSON.stringify(value)}\n`,
  };
}

/** What the service prints once it answers, and how the quickstart reads it. */
export function listeningLine(port: number): string {
  return `listening ${port}`;
}

export function parseListeningLine(line: string): number | undefined {
  const port = /^listening ([0-9]+)$/.exec(line)?.[1];
  return port === undefined ? undefined : Number(port);
}

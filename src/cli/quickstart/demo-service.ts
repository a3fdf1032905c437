/** A small REST service to balance: what the quickstart starts three times. */
export interface DemoOptions {
  /** Stands in every answer, so that one sees who answered. */
  readonly name: string;
  /** On 127.0.0.1; 0: any free one. */
  readonly port: number;
  readonly pid: number;
}

const orders = [
  { id: 1, article: "points lever", pieces: 2 },
  { id: 2, article: "signal lamp", pieces: 12 },
  { id: 3, article: "rail spike", pieces: 400 },
] as const;

/** Starts to answer; returns the port. Throws where the port is taken. */
export function serveDemo({ name, port, pid }: DemoOptions): number {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    development: false,
    // Bun 1.4.5 would set SO_REUSEPORT by itself in this mode.
    reusePort: false,
    fetch: (request) => demoAnswer(request, name, pid),
  });
  return server.port ?? port;
}

/** GET / · GET /healthcheck · GET and POST /orders · GET /orders/ID */
export async function demoAnswer(request: Request, service: string, pid: number): Promise<Response> {
  const { pathname } = new URL(request.url);
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (pathname === "/orders" && request.method === "POST") {
    // A real service would store it; this one has no memory on purpose, so that a killed one loses nothing.
    return Response.json({ service, accepted: await request.text() }, { status: 201 });
  }
  if (!isRead) return Response.json({ service, error: "method not allowed" }, { status: 405, headers: { Allow: "GET, HEAD" } });
  if (pathname === "/") return Response.json({ service, pid, paths: ["/orders", "/orders/1", "/healthcheck"] });
  if (pathname === "/healthcheck") return Response.json({ service, status: "OK" });
  if (pathname === "/orders") return Response.json({ service, orders });
  const id = /^\/orders\/([0-9]+)$/.exec(pathname)?.[1];
  const order = orders.find((one) => String(one.id) === id);
  if (order !== undefined) return Response.json({ service, order });
  return Response.json({ service, error: "not found" }, { status: 404 });
}

/** What the service prints once it answers, and how the quickstart reads it. */
export function listeningLine(port: number): string {
  return `listening ${port}`;
}

export function parseListeningLine(line: string): number | undefined {
  const port = /^listening ([0-9]+)$/.exec(line)?.[1];
  return port === undefined ? undefined : Number(port);
}

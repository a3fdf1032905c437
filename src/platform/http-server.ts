import { failureFrom } from "./libc.ts";
import type { OsResult } from "./ports.ts";
import { withUmask } from "./umask.ts";

/** A small HTTP server for our own programs (admin API, demo services); the data plane has its own. */
export interface HttpServer {
  /** 0 on a unix socket. */
  readonly port: number;
  /** Stops listening and resolves when requests that run have their answer; removes the socket's file. */
  stop(): Promise<void>;
}

/** IP literal and port (0: any free one), or the path of a unix socket, which becomes 0660. */
export type HttpAddress = { readonly host: string; readonly port: number } | { readonly path: string };

export interface HttpRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Host field; empty where there was none. */
  readonly host: string;
  text(): Promise<string>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Runs a turn of the event loop after the answer was handed over. */
  readonly afterwards?: () => void;
}

/** Nobody here has to read more than this. */
const requestBytesMax = 64 * 1024;

/** Binds exclusively and answers until `stop`. */
export function serveHttp(
  address: HttpAddress,
  answer: (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>,
): OsResult<HttpServer> {
  const options = {
    maxRequestBodySize: requestBytesMax,
    // Without it an exception would be answered with a development page.
    development: false,
    async fetch(request: Request): Promise<Response> {
      const { status, headers, body, afterwards } = await answer(seen(request));
      if (afterwards !== undefined) setImmediate(afterwards);
      return new Response(request.method === "HEAD" ? null : body, { status, headers });
    },
  };
  try {
    // With `development: false` Bun 1.4.5 sets SO_REUSEPORT by itself: a second program would share the port silently.
    const server =
      "path" in address
        ? withUmask(0o117, () => Bun.serve({ ...options, unix: address.path }))
        : Bun.serve({ ...options, hostname: address.host, port: address.port, reusePort: false });
    return { ok: true, value: { port: server.port ?? 0, stop: () => server.stop() } };
  } catch (error) {
    return failureFrom(error);
  }
}

function seen(request: Request): HttpRequest {
  return {
    method: request.method,
    path: new URL(request.url).pathname,
    host: request.headers.get("host") ?? "",
    text: () => request.text(),
  };
}

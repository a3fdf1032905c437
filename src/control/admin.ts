import { addressText } from "../lib/address.ts";
import { AppError } from "../model/app-error.ts";
import type { BindAddress } from "../model/config.ts";
import type { AdminAddresses, StatusView } from "../model/status.ts";
import { withUmask } from "../platform/umask.ts";
import { adminAnswer, type AdminDoor, type AdminSource, isLoopback } from "./admin-answer.ts";

export interface AdminOptions {
  /** Loopback only until there are tokens; absent: only the socket. */
  readonly bind?: BindAddress;
  /** Path of the unix socket. Its folder exists, and a file left by a dead instance is already gone. */
  readonly socket: string;
  /** Made anew for each request. */
  view(): StatusView;
  /** Somebody asked for the end over the socket; called after the answer was handed to the kernel. */
  stop(reason: string): void;
}

export interface AdminServer {
  /** Where it really listens. */
  readonly addresses: AdminAddresses;
  /** Stops listening; requests that run get their answer. The socket's file is removed. */
  stop(): Promise<void>;
}

/** A request of this API has no body worth reading. */
const requestBytesMax = 16 * 1024;

/**
 * Opens the admin API on its unix socket (0660) and, where asked for, on a loopback address. Throws AppError
 * (`admin-bind-not-loopback`, `admin-address-in-use`, `admin-listen-failed`); nothing listens then.
 */
export function startAdmin(options: AdminOptions): AdminServer {
  const { bind, socket, view } = options;
  if (bind !== undefined && !isLoopback(bind.host)) {
    const text = `admin.bind ${addressText(bind)}: only loopback (127.0.0.0/8, ::1) in this version, because other addresses need a token`;
    throw new AppError("admin-bind-not-loopback", text);
  }
  const source: AdminSource = { view, tcpHost: bind?.host };
  const serve = (door: AdminDoor) => ({
    maxRequestBodySize: requestBytesMax,
    // Without it Bun.serve would answer an exception with its development page.
    development: false,
    fetch: (request: Request) => respond(door, request, source, options),
  });
  const tcp =
    bind === undefined
      ? undefined
      : // With `development: false` Bun 1.4.5 sets SO_REUSEPORT by itself: a second instance would share the port silently.
        listening(() => Bun.serve({ ...serve("tcp"), hostname: bind.host, port: bind.port, reusePort: false }), `admin.bind ${addressText(bind)}`);
  try {
    const unix = listening(() => withUmask(0o117, () => Bun.serve({ ...serve("socket"), unix: socket })), `admin.socket ${socket}`);
    const addresses = bind === undefined ? { socket } : { socket, tcp: { host: bind.host, port: tcp?.port ?? bind.port } };
    return {
      addresses,
      async stop() {
        await Promise.all([unix.stop(), tcp?.stop()]);
      },
    };
  } catch (error) {
    void tcp?.stop(true);
    throw error;
  }
}

function respond(door: AdminDoor, request: Request, source: AdminSource, options: AdminOptions): Response {
  const { pathname } = new URL(request.url);
  const { status, headers, body, isStop } = adminAnswer({ door, method: request.method, path: pathname, host: request.headers.get("host") ?? "" }, source);
  // A turn later, so that the answer is written before the stop can close this very connection.
  if (isStop) setImmediate(() => options.stop("asked for through the admin socket"));
  return new Response(request.method === "HEAD" ? null : body, { status, headers });
}

function listening<T>(listen: () => T, what: string): T {
  try {
    return listen();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    if (code === "EADDRINUSE") throw new AppError("admin-address-in-use", `${what} is in use`, { cause });
    throw new AppError("admin-listen-failed", `${what}: ${code === "" ? String(cause) : code}`, { cause });
  }
}

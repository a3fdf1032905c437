import { addressText } from "../lib/address.ts";
import { AppError } from "../model/app-error.ts";
import type { BindAddress } from "../model/config.ts";
import type { OverrideRequest } from "../model/override.ts";
import type { AdminAddresses, StatusView } from "../model/status.ts";
import { type HttpAddress, type HttpServer, serveHttp } from "../platform/http-server.ts";
import type { PortHolder } from "../platform/ports.ts";
import { adminAnswer, type AdminDoor, type AdminSource, isLoopback } from "./admin-answer.ts";
import type { ChangeResult } from "./endpoint-override.ts";
import { holderText } from "./holder-text.ts";

export interface AdminOptions {
  /** Loopback only until there are tokens; absent: only the socket. */
  readonly bind?: BindAddress;
  /** Path of the unix socket. Its folder exists, and a file left by a dead instance is already gone. */
  readonly socket: string;
  /** Says who has the address where it is in use. */
  readonly holder?: (address: BindAddress) => PortHolder | undefined;
  /** Made anew for each request. */
  view(): StatusView;
  /** Somebody asked over the socket for an endpoint's state or weight. */
  change(request: OverrideRequest): ChangeResult;
  /** Somebody asked for the end over the socket; called after the answer was handed to the kernel. */
  stop(reason: string): void;
}

export interface AdminServer {
  /** Where it really listens. */
  readonly addresses: AdminAddresses;
  /** Stops listening; requests that run get their answer. The socket's file is removed. */
  stop(): Promise<void>;
}

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
  const change = (request: OverrideRequest): ChangeResult => options.change(request);
  const source: AdminSource = { view, change, tcpHost: bind?.host };
  const open = (door: AdminDoor, address: HttpAddress, name: string): HttpServer => {
    const result = serveHttp(address, async ({ method, path, host, text }) => {
      const asked = { door, method, path, host };
      const answer = adminAnswer(method === "POST" ? { ...asked, body: await text() } : asked, source);
      // Afterwards, so that the answer is written before the stop can close this very connection.
      return answer.isStop
        ? { ...answer, afterwards: () => options.stop("asked for through the admin socket") }
        : answer;
    });
    if (result.ok) return result.value;
    if (result.code === "EADDRINUSE") {
      const holder = "path" in address ? undefined : options.holder?.(address);
      const by = holder === undefined ? "" : ` by ${holderText(holder)}`;
      throw new AppError("admin-address-in-use", `${name} is in use${by}`);
    }
    throw new AppError("admin-listen-failed", `${name}: ${result.text}`);
  };
  const tcp = bind === undefined ? undefined : open("tcp", bind, `admin.bind ${addressText(bind)}`);
  try {
    const unix = open("socket", { path: socket }, `admin.socket ${socket}`);
    return {
      addresses:
        bind === undefined || tcp === undefined ? { socket } : { socket, tcp: { host: bind.host, port: tcp.port } },
      async stop() {
        await Promise.all([unix.stop(), tcp?.stop()]);
      },
    };
  } catch (error) {
    void tcp?.stop();
    throw error;
  }
}

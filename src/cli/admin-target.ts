import { addressText } from "../lib/address.ts";
import { AppError } from "../model/app-error.ts";
import type { AdminConfig } from "../model/config.ts";
import { instancePaths } from "../platform/instance-paths.ts";

/** Where a command looks for the running instance. */
export type AdminTarget =
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export interface TargetOptions {
  /** `--admin`: a path (with a `/`), `HOST:PORT`, `:PORT` or `PORT` on 127.0.0.1, or an `http://` URL. */
  readonly admin?: string;
  /** `-c`: the file whose `admin` section says where. */
  readonly config?: string;
}

/** In this order: --admin, the file's admin section (its socket, because it may do everything), the default socket. */
export async function adminTarget(
  options: TargetOptions,
  surroundings: {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly uid: number;
    readAdmin(file: string): Promise<AdminConfig>;
  },
): Promise<AdminTarget> {
  if (options.admin !== undefined) return parseTarget(options.admin);
  if (options.config !== undefined)
    return { kind: "socket", path: (await surroundings.readAdmin(options.config)).socket };
  return { kind: "socket", path: instancePaths(surroundings).adminSocket };
}

/** Throws AppError `admin-bad-address`. */
export function parseTarget(text: string): AdminTarget {
  const address = text.replace(/^http:\/\//, "").replace(/(?<=^[^/]+)\/$/, "");
  if (address.includes("/")) {
    if (address === text) return { kind: "socket", path: text };
    throw badAddress(text);
  }
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+))?:)?([0-9]{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65_535) throw badAddress(text);
  return { kind: "tcp", host: match[1] ?? match[2] ?? "127.0.0.1", port };
}

/** As people write it. */
export function targetText(target: AdminTarget): string {
  return target.kind === "socket" ? target.path : addressText(target);
}

function badAddress(text: string): AppError {
  return new AppError(
    "admin-bad-address",
    `--admin ${text}: expected the path of a socket, such as /run/weichensteller/admin.sock, or HOST:PORT`,
  );
}

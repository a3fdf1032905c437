import { join } from "node:path";

/**
 * Where an instance keeps its sockets and other short-lived files. Where systemd made a folder for it
 * (`RuntimeDirectory=`, handed over as $RUNTIME_DIRECTORY): that one. Else root: `/run/weichensteller`. Others:
 * `$XDG_RUNTIME_DIR/weichensteller`, and where that is not set `weichensteller-<uid>` in the temp directory
 * (`$TMPDIR`, else /tmp); whoever creates the folder makes it 0700 and refuses one that belongs to someone else.
 */
export interface InstancePaths {
  readonly folder: string;
  /** Default of `admin.socket`; the commands look here when neither --admin nor -c says otherwise. */
  readonly adminSocket: string;
}

export interface InstanceIdentity {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
}

export function instancePaths({ env, uid }: InstanceIdentity): InstancePaths {
  const folder = instanceFolder(env, uid);
  return { folder, adminSocket: join(folder, "admin.sock") };
}

function instanceFolder(env: InstanceIdentity["env"], uid: number): string {
  // systemd.exec(5): several folders are separated by colons; the first is the instance's.
  const given = env["RUNTIME_DIRECTORY"]?.split(":")[0];
  if (given?.startsWith("/") === true) return given;
  if (uid === 0) return "/run/weichensteller";
  const runtime = env["XDG_RUNTIME_DIR"];
  // A relative path is to be ignored (XDG Base Directory Specification).
  if (runtime !== undefined && runtime.startsWith("/")) return join(runtime, "weichensteller");
  const temp = env["TMPDIR"];
  return join(temp !== undefined && temp.startsWith("/") ? temp : "/tmp", `weichensteller-${uid}`);
}

import { expect, test } from "bun:test";
import { instancePaths } from "./instance-paths.ts";

const rows: readonly { name: string; env: Record<string, string>; uid: number; folder: string }[] = [
  {
    name: "root uses /run whatever the environment says",
    env: { XDG_RUNTIME_DIR: "/run/user/0" },
    uid: 0,
    folder: "/run/weichensteller",
  },
  {
    name: "systemd's folder comes first",
    env: { RUNTIME_DIRECTORY: "/run/one:/run/two", XDG_RUNTIME_DIR: "/run/user/7" },
    uid: 7,
    folder: "/run/one",
  },
  {
    name: "a relative folder is not systemd's",
    env: { RUNTIME_DIRECTORY: "one" },
    uid: 0,
    folder: "/run/weichensteller",
  },
  {
    name: "a user has a folder in the runtime directory",
    env: { XDG_RUNTIME_DIR: "/run/user/7" },
    uid: 7,
    folder: "/run/user/7/weichensteller",
  },
  {
    name: "a relative runtime directory is ignored",
    env: { XDG_RUNTIME_DIR: "run" },
    uid: 7,
    folder: "/tmp/weichensteller-7",
  },
  {
    name: "an empty one too",
    env: { XDG_RUNTIME_DIR: "", TMPDIR: "/var/tmp/" },
    uid: 7,
    folder: "/var/tmp/weichensteller-7",
  },
  {
    name: "nothing set: a folder per user in /tmp",
    env: {},
    uid: 1000,
    folder: "/tmp/weichensteller-1000",
  },
];

for (const { name, env, uid, folder } of rows) {
  test(name, () => expect(instancePaths({ env, uid })).toEqual({ folder, adminSocket: `${folder}/admin.sock` }));
}

/**
 * Two real Keystone instances on one database, as Debian packages them, in a network namespace of their own: Keystone's
 * port 5000 and MariaDB's 3306 are free there, and nothing that happens inside reaches anything else.
 *
 *   namespace:  client (curl, openstack) → balancer 127.0.0.1:5000 → uwsgi 127.0.0.1:15000 and :15001 → MariaDB :3306
 */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Child } from "../support/child.ts";
import { scratchFolder } from "../support/scratch.ts";
import { eventually } from "../support/within.ts";

export const keystoneCommands = [
  "ip",
  "setpriv",
  "curl",
  "mariadbd",
  "mariadb",
  "mariadb-install-db",
  "keystone-manage",
  "uwsgi_python3",
  "openstack",
];
/** The address that Keystone's catalog, and so every client, knows. */
export const keystoneUrl = "http://127.0.0.1:5000/v3";
export const instancePorts = [15_000, 15_001] as const;

const password = "only-for-this-test";
const startMs = 60_000;

/** How an instance delimits its answers. `close`: by the end of the connection, as Debian's own uwsgi settings do. */
export type Delimiting = "length" | "close";

export interface Keystone {
  /** A private folder, readable by Keystone's user. */
  readonly dir: string;
  /** Starts a program inside the namespace. */
  start(command: readonly string[], env?: Readonly<Record<string, string>>): Child;
  /** Runs a program inside the namespace; its standard output. Throws where its status is not 0. */
  run(command: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>;
  /** Starts an instance and waits until it is healthy. */
  startInstance(port: number, delimiting: Delimiting): Promise<Child>;
  /** The `openstack` command with JSON output, talking to the balancer. */
  openstack(...words: readonly string[]): Promise<unknown>;
  stop(): Promise<void>;
}

/** Takes 15 s on two idle cores: nearly all of it is Python starting. */
export async function startKeystone(): Promise<Keystone> {
  const scratch = scratchFolder("keystone");
  const dir = scratch.path;
  chmodSync(dir, 0o755);
  const namespace = `wst-test-${process.pid}`;
  const children: Child[] = [];
  const start: Keystone["start"] = (command, env = {}) => {
    const child = new Child(["ip", "netns", "exec", namespace, ...command], { env, cwd: dir });
    children.push(child);
    return child;
  };
  const run: Keystone["run"] = async (command, env = {}) => {
    const child = start(command, env);
    const status = await child.exited(startMs);
    if (status !== 0) throw new Error(`${command.join(" ")} ended with ${status}:\n${child.output}`);
    return child.stdout;
  };
  const stop = async (): Promise<void> => {
    // Last started first: what asks the database goes before the database.
    for (const child of children.reverse()) await child.stop();
    Bun.spawnSync(["ip", "netns", "delete", namespace]);
    scratch.remove();
  };
  try {
    await outside(["ip", "netns", "add", namespace]);
    await run(["ip", "link", "set", "lo", "up"]);
    await prepare(dir, start, run);
  } catch (error) {
    await stop();
    throw error;
  }
  const client = {
    OS_AUTH_URL: keystoneUrl,
    OS_USERNAME: "admin",
    OS_PASSWORD: password,
    OS_PROJECT_NAME: "admin",
    OS_USER_DOMAIN_ID: "default",
    OS_PROJECT_DOMAIN_ID: "default",
    OS_IDENTITY_API_VERSION: "3",
  };
  return {
    dir,
    start,
    run,
    stop,
    startInstance: (port, delimiting) => startInstance({ dir, start, run }, port, delimiting),
    openstack: async (...words) => JSON.parse(await run(["openstack", ...words, "-f", "json"], client)) as unknown,
  };
}

/** Database, tables, keys and the first user. */
async function prepare(dir: string, start: Keystone["start"], run: Keystone["run"]): Promise<void> {
  for (const name of ["log", "fernet-keys", "credential-keys", "database"]) mkdirSync(join(dir, name));
  await outside([
    "chown",
    "-R",
    "keystone:keystone",
    join(dir, "log"),
    join(dir, "fernet-keys"),
    join(dir, "credential-keys"),
  ]);
  await outside(["chown", "mysql:mysql", join(dir, "database")]);
  const file = join(dir, "keystone.conf");
  writeFileSync(file, keystoneConfiguration(dir));
  const manage = (...words: string[]): Promise<string> =>
    run([...as("keystone"), "keystone-manage", "--config-file", file, ...words], { HOME: dir });
  const owner = ["--keystone-user", "keystone", "--keystone-group", "keystone"];
  const database = async (): Promise<void> => {
    await startDatabase(dir, start, run);
    await manage("db_sync");
  };
  await Promise.all([database(), manage("fernet_setup", ...owner), manage("credential_setup", ...owner)]);
  const urls = ["public", "internal", "admin"].flatMap((kind) => [`--bootstrap-${kind}-url`, keystoneUrl]);
  await manage("bootstrap", "--bootstrap-password", password, "--bootstrap-region-id", "RegionOne", ...urls);
}

async function startDatabase(dir: string, start: Keystone["start"], run: Keystone["run"]): Promise<void> {
  const data = join(dir, "database");
  const socket = join(data, "mariadb.sock");
  const install = [
    "--no-defaults",
    "--user=mysql",
    `--datadir=${data}`,
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
  ];
  await run(["mariadb-install-db", ...install]);
  // Nothing here outlives the test, so the disk need not be waited for.
  const fast = ["--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-buffer-pool-size=32M"];
  const place = [`--datadir=${data}`, `--socket=${socket}`, `--pid-file=${join(data, "mariadb.pid")}`];
  const network = ["--bind-address=127.0.0.1", "--port=3306", "--skip-name-resolve"];
  const server = start([
    ...as("mysql"),
    "mariadbd",
    "--no-defaults",
    ...place,
    ...network,
    ...fast,
    "--performance-schema=off",
  ]);
  await server.until("the database is ready", () => server.output.includes("ready for connections"), startMs);
  const statement = `CREATE DATABASE keystone; GRANT ALL ON keystone.* TO keystone@127.0.0.1 IDENTIFIED BY '${password}'`;
  await run(["mariadb", "--no-defaults", "-u", "root", `--socket=${socket}`, "-e", statement]);
}

async function startInstance(
  keystone: Pick<Keystone, "dir" | "start" | "run">,
  port: number,
  delimiting: Delimiting,
): Promise<Child> {
  const ini = join(keystone.dir, `uwsgi-${delimiting}.ini`);
  writeFileSync(ini, uwsgiConfiguration(keystone.dir, delimiting));
  const env = { HOME: keystone.dir, OS_KEYSTONE_CONFIG_FILES: join(keystone.dir, "keystone.conf") };
  const command = ["uwsgi_python3", "--ini", ini, "--http-socket", `127.0.0.1:${port}`];
  const child = keystone.start([...as("keystone"), ...command], env);
  const ask = async (): Promise<true | undefined> => {
    if (child.exitCode !== undefined) throw new Error(`Keystone ended with ${child.exitCode}:\n${child.output}`);
    const answer = keystone.run(["curl", "-sf", `http://127.0.0.1:${port}/healthcheck`]);
    return await answer.then(
      () => true as const,
      () => undefined,
    );
  };
  await eventually("Keystone is healthy", ask, { timeoutMs: startMs, everyMs: 100 });
  return child;
}

/** `public_endpoint` is not set: the links in its answers show which Host the balancer handed on. */
function keystoneConfiguration(dir: string): string {
  return `[DEFAULT]
log_dir = ${dir}/log
[database]
connection = mysql+pymysql://keystone:${password}@127.0.0.1/keystone
[token]
provider = fernet
[fernet_tokens]
key_repository = ${dir}/fernet-keys
[credential]
key_repository = ${dir}/credential-keys
[oslo_middleware]
enable_proxy_headers_parsing = true
`;
}

/** One process without a master, so that SIGKILL ends all of it: a worker left behind would go on answering. */
function uwsgiConfiguration(dir: string, delimiting: Delimiting): string {
  return `[uwsgi]
plugins = python3
die-on-term = true
enable-threads = true
processes = 1
threads = 8
buffer-size = 65535
chdir = ${dir}
wsgi-file = /usr/bin/keystone-wsgi-public
${delimiting === "close" ? "rem-header = Content-Length" : ""}
`;
}

function as(user: string): readonly string[] {
  return ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
}

/** A program outside the namespace. */
async function outside(command: readonly string[]): Promise<void> {
  const child = new Child(command);
  const status = await child.exited();
  if (status !== 0) throw new Error(`${command.join(" ")} ended with ${status}: ${child.output}`);
}

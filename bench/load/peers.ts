import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Backend } from "./backend.ts";
import { runToEnd, startChild, type Child } from "./children.ts";
import { benchDir, freePorts, projectDir, writeConfig, type BenchSettings } from "./settings.ts";
import { waitForAnswer } from "./wait.ts";

/** A program to measure. `again` is HAProxy a second time: what differs between the two is noise. */
export const peerNames = ["haproxy", "ours", "again", "nginx", "caddy", "http-proxy-3", "bare"] as const;
/** Ours with other configurations, for cases that compare it with itself. */
export type VariantName = "one-pool" | "many-pools" | "many-pools-checked";
export type PeerName = (typeof peerNames)[number] | VariantName;

export const peerTitle: Readonly<Record<PeerName, string>> = {
  haproxy: "HAProxy",
  ours: "Weichensteller",
  again: "HAProxy again (A/A)",
  nginx: "nginx",
  caddy: "Caddy",
  "http-proxy-3": "http-proxy-3, Node",
  bare: "back end alone",
  "one-pool": "one pool",
  "many-pools": "1 000 pools",
  "many-pools-checked": "1 000 pools, checks on",
};

/** A peer that runs and answers. */
export interface RunningPeer {
  readonly name: PeerName;
  readonly port: number;
  /** The root of what is measured. */
  readonly child: Child;
}

interface Place {
  readonly settings: BenchSettings;
  readonly dir: string;
  readonly listen: number;
  readonly endpoints: readonly number[];
  readonly backend: Backend;
  readonly values: Readonly<Record<string, string | number>>;
}

/** Starts a peer on the proxy core and waits until it answers with a reply of the back end. */
export async function startPeer(name: PeerName, settings: BenchSettings, backend: Backend): Promise<RunningPeer> {
  const endpoints = backend.ports.get(name) ?? [];
  if (name === "bare") return { name, port: endpoints[0] ?? 0, child: backend.child };
  const [listen = 0, admin = 0] = await freePorts(2);
  const dir = join(settings.dir, name);
  mkdirSync(dir, { recursive: true });
  const [endpoint1 = 0, endpoint2 = 0, endpoint3 = 0] = endpoints;
  const values = {
    dir,
    listen,
    admin,
    health: backend.healthPort,
    endpoint1,
    endpoint2,
    endpoint3,
  };
  const child = starters[name]({ settings, dir, listen, endpoints, backend, values });
  if (isOurs(name)) await waitForAnswer("http://localhost/readyz", child, join(dir, "admin.sock"));
  await waitForAnswer(`http://127.0.0.1:${listen}/125`, child);
  return { name, port: listen, child };
}

function isOurs(name: PeerName): boolean {
  return name === "ours" || name === "one-pool" || name === "many-pools" || name === "many-pools-checked";
}

const starters: Readonly<Record<Exclude<PeerName, "bare">, (place: Place) => Child>> = {
  haproxy: startHaproxy,
  again: startHaproxy,
  ours: (place) => {
    const file = join(place.dir, "weichensteller.yaml");
    writeConfig("weichensteller.yaml", file, place.values);
    return startOurs(place, file);
  },
  "one-pool": (place) => startPools(place, { further: 0, isChecked: false }),
  "many-pools": (place) => startPools(place, { further: 999, isChecked: false }),
  "many-pools-checked": (place) => startPools(place, { further: 999, isChecked: true }),
  nginx: (place) => {
    const file = join(place.dir, "nginx.conf");
    writeConfig("nginx.conf", file, place.values);
    return start(place, "nginx", ["nginx", "-p", place.dir, "-e", join(place.dir, "nginx-error.log"), "-c", file]);
  },
  caddy: (place) => {
    const file = join(place.dir, "Caddyfile");
    writeConfig("Caddyfile", file, place.values);
    const home = { HOME: place.dir, XDG_CONFIG_HOME: place.dir, XDG_DATA_HOME: place.dir };
    return start(place, "caddy", ["caddy", "run", "--adapter", "caddyfile", "--config", file], {
      ...home,
      GOMAXPROCS: "1",
    });
  },
  "http-proxy-3": (place) => {
    const ports = [place.listen, place.values["endpoint1"], place.values["endpoint2"], place.values["endpoint3"]];
    // Beside its node_modules, because that is where Node looks for the package.
    const script = join(benchDir, "peers/http-proxy-3.mjs");
    return start(place, "http-proxy-3", [nodeBinary, script, ...ports.map(String)]);
  },
};

function startOurs(place: Place, file: string): Child {
  return start(place, "weichensteller", [join(projectDir, "bin/weichensteller"), "run", "-c", file]);
}

/** `further` pools beside the one that is asked for, with the same ten endpoints and a host name of their own. */
function startPools(place: Place, options: { readonly further: number; readonly isChecked: boolean }): Child {
  const file = join(place.dir, "weichensteller.yaml");
  const endpoints = place.endpoints.map((port) => `"127.0.0.1:${port}"`).join(", ");
  const checks = options.isChecked ? `{ http: { path: /health, port: ${place.backend.healthPort} } }` : "off";
  const names = Array.from({ length: options.further }, (_, index) => `pool${index}`);
  const routes = names.map((name) => `      - { match: { host: ${name}.example.org }, pool: ${name} }`);
  const pools = names.map((name) => `  ${name}: { endpoints: [${endpoints}], health: ${checks} }`);
  writeConfig("pools.yaml", file, {
    ...place.values,
    endpoints,
    checks,
    routes: routes.length === 0 ? "" : `    routes:\n${routes.join("\n")}`,
    pools: pools.join("\n"),
  });
  return startOurs(place, file);
}

function startHaproxy(place: Place): Child {
  const file = join(place.dir, "haproxy.cfg");
  writeConfig("haproxy.cfg", file, place.values);
  return start(place, "haproxy", ["haproxy", "-db", "-f", file]);
}

function start(place: Place, name: string, command: readonly string[], env: Record<string, string> = {}): Child {
  return startChild({ name, command, core: place.settings.proxyCore, dir: place.dir, env });
}

const peersDir = join(benchDir, "peers");
const nodeBinary = join(peersDir, "node_modules/node/bin/node");

/** Why a peer cannot be measured here, or undefined. Installs the two npm packages where they are missing. */
export async function missing(name: PeerName, settings: BenchSettings): Promise<string | undefined> {
  if (name === "http-proxy-3") return await installNodePeer(settings);
  if (isOurs(name))
    return existsSync(join(projectDir, "src/main/weichensteller.ts")) ? undefined : "it is not built yet";
  const program = name === "again" ? "haproxy" : name === "bare" ? "nginx" : name;
  const debianPackage = program === "nginx" ? "nginx-light" : program;
  return Bun.which(program) === null ? `apt-get install --no-install-recommends ${debianPackage}` : undefined;
}

async function installNodePeer(settings: BenchSettings): Promise<string | undefined> {
  const installed = existsSync(nodeBinary) && existsSync(join(peersDir, "node_modules/http-proxy-3"));
  try {
    if (!installed) {
      const command = ["npm", "ci", "--prefix", peersDir, "--no-audit", "--no-fund"];
      await runToEnd({
        name: "npm",
        command,
        core: settings.loadCore,
        dir: join(settings.dir, "npm"),
      });
    }
    await runToEnd({
      name: "node",
      command: [nodeBinary, "-v"],
      core: settings.loadCore,
      dir: settings.dir,
    });
    return undefined;
  } catch (error) {
    return `npm ci --prefix bench/load/peers (${error instanceof Error ? error.message.split("\n")[0] : String(error)})`;
  }
}

/** What each program says of its version. */
export function versionOf(name: (typeof peerNames)[number]): string {
  const ask: Readonly<Record<(typeof peerNames)[number], readonly string[]>> = {
    haproxy: ["haproxy", "-v"],
    again: ["haproxy", "-v"],
    ours: [join(projectDir, "bin/bun"), "--version"],
    nginx: ["nginx", "-v"],
    bare: ["nginx", "-v"],
    caddy: ["caddy", "version"],
    "http-proxy-3": [nodeBinary, "-v"],
  };
  const { stdout, stderr } = Bun.spawnSync([...ask[name]]);
  const line = `${stdout}${stderr}`.trim().split("\n")[0] ?? "";
  if (name === "ours") return `Bun ${line}`;
  if (name === "http-proxy-3") return `http-proxy-3 2.0.1, Node ${line}`;
  return line.replace(/^nginx version: |^HAProxy version /, "").replace(/ - http.*/, "");
}

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startChild, type Child } from "./children.ts";
import { freePorts, writeConfig, type BenchSettings } from "./settings.ts";
import { waitForAnswer } from "./wait.ts";

/** The service behind every proxy: nginx with fixed replies. */
export interface Backend {
  readonly child: Child;
  /** Answers the proxies' checks from a process of its own. */
  readonly healthPort: number;
  /** Ports for each peer, three as a rule, so that the connections of each can be told apart. */
  readonly ports: ReadonlyMap<string, readonly number[]>;
  /** File with the exact body of `path`. */
  bodyFile(path: string): string;
  /** What the POST case sends. */
  readonly postFile: string;
  /** Connections accepted so far, without those that ask for this number. */
  accepted(): Promise<number>;
}

const endpointsPerPeer = 3;
const endpointsPerVariant = 10;
export const postBytes = 4096;

/** Starts the back end with three ports for each of `peers` and ten for each of `variants`. */
export async function startBackend(
  settings: BenchSettings,
  peers: readonly string[],
  variants: readonly string[],
): Promise<Backend> {
  const counts = [
    ...peers.map((peer) => [peer, endpointsPerPeer] as const),
    ...variants.map((variant) => [variant, endpointsPerVariant] as const),
  ];
  const wanted = counts.reduce((sum, [, count]) => sum + count, 0);
  const [health = 0, status = 0, ...endpointPorts] = await freePorts(2 + wanted);
  const rest = [...endpointPorts];
  const ports = new Map(counts.map(([name, count]) => [name, rest.splice(0, count)]));
  const bodies = writeBodies(join(settings.dir, "bodies"));
  const dir = join(settings.dir, "backend");
  mkdirSync(join(dir, "files"), { recursive: true });
  for (const [path, body] of bodies.files) writeFileSync(join(dir, "files", path), body);
  writeConfig("backend.conf", join(dir, "nginx.conf"), {
    dir,
    status,
    json125: bodies.json125,
    listens: endpointPorts.map((port) => `        listen 127.0.0.1:${port} backlog=4096;`).join("\n"),
  });
  const healthDir = join(settings.dir, "health");
  writeConfig("health.conf", join(healthDir, "nginx.conf"), { dir: healthDir, health });

  const child = startNginx("backend", dir, settings.loadCore);
  const healthChild = startNginx("health", healthDir, settings.loadCore);
  await waitForAnswer(`http://127.0.0.1:${status}/status`, child);
  await waitForAnswer(`http://127.0.0.1:${health}/health`, healthChild);
  const own = { asked: 0 };
  return {
    child,
    healthPort: health,
    ports,
    bodyFile: (path) => join(settings.dir, "bodies", path.slice(1)),
    postFile: join(settings.dir, "bodies", "post-request"),
    accepted: async () => {
      own.asked += 1;
      const text = await (await fetch(`http://127.0.0.1:${status}/status`, { keepalive: false })).text();
      return Number(text.split("\n")[2]?.trim().split(" ")[0]) - own.asked;
    },
  };
}

/** Starts an nginx whose configuration lies in `dir`; it stays in the foreground. */
export function startNginx(name: string, dir: string, core: number): Child {
  const command = ["nginx", "-p", dir, "-e", join(dir, "nginx-error.log"), "-c", join(dir, "nginx.conf")];
  return startChild({ name, command, core, dir });
}

/** Bodies of known content: no two neighbours alike, so that a shifted or repeated piece shows. */
function writeBodies(dir: string): { json125: string; files: [string, Buffer][] } {
  mkdirSync(dir, { recursive: true });
  const json125 = `{"id":4711,"name":"signal box 7","state":"ready","tracks":[1,2,3,4],"note":"${"x".repeat(47)}"}`;
  if (json125.length !== 125) throw new Error(`the short reply has ${json125.length} bytes`);
  const files: [string, Buffer][] = [
    ["4k", numbered(4096)],
    ["64k", numbered(65_536)],
    ["1m", numbered(1_048_576)],
  ];
  for (const [name, body] of files) writeFileSync(join(dir, name), body);
  writeFileSync(join(dir, "125"), json125);
  writeFileSync(join(dir, "post"), `{"received":${postBytes}}`);
  writeFileSync(join(dir, "post-request"), numbered(postBytes));
  return { json125, files };
}

function numbered(bytes: number): Buffer {
  const lines = Array.from({ length: Math.ceil(bytes / 8) }, (_, line) => `${String(line).padStart(7, "0")}\n`);
  return Buffer.from(lines.join("").slice(0, bytes));
}

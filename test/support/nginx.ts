import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Child } from "./child.ts";
import { type Address, ask } from "./raw-client.ts";
import { scratchFolder } from "./scratch.ts";
import { Waiters, eventually } from "./within.ts";

/** The binary, or undefined where nginx is not installed (Debian: `apt-get install nginx-light`). */
export const nginxBinary: string | undefined = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"].find((path) =>
  existsSync(path),
);

/** One request as nginx understood it. */
export interface NginxRequest {
  readonly line: string;
  readonly status: number;
  readonly host: string;
  readonly contentLength: string;
  readonly transferEncoding: string;
}

/**
 * Starts a real nginx of our own: one process tree in the foreground, everything under a private folder.
 *
 * @param server what stands inside `server { … }`, without `listen`
 */
export async function startNginx(server = 'location / { return 200 "ok"; }'): Promise<Nginx> {
  if (nginxBinary === undefined) throw new Error("nginx is not installed");
  const scratch = scratchFolder("nginx");
  mkdirSync(join(scratch.path, "logs"));
  const socket = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const port = socket.port;
  // nginx cannot choose a free port itself; between stop and its bind nobody else is likely to get this one.
  socket.stop(true);
  const log = await NginxLog.open();
  writeFileSync(
    join(scratch.path, "nginx.conf"),
    configuration({ folder: scratch.path, port, logPort: log.port, server }),
  );
  const child = new Child([nginxBinary, "-p", scratch.path, "-c", "nginx.conf", "-e", "stderr"]);
  const nginx = new Nginx(child, { port, log, cleanUp: () => scratch.remove() });
  try {
    await nginx.untilReady();
  } catch (error) {
    await nginx.stop();
    throw error;
  }
  return nginx;
}

interface NginxPlan {
  readonly folder: string;
  readonly port: number;
  readonly logPort: number;
  readonly server: string;
}

function configuration({ folder, port, logPort, server }: NginxPlan): string {
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (one) => `  ${one}_temp_path ${folder}/${one};`,
  );
  return `daemon off;
master_process off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 512; }
http {
${temp.join("\n")}
  log_format seen escape=json '{"line":"$request","status":$status,"host":"$http_host",'
    '"contentLength":"$http_content_length","transferEncoding":"$http_transfer_encoding"}';
  access_log syslog:server=127.0.0.1:${logPort},nohostname,tag=seen seen;
  keepalive_timeout 60s;
  server {
    listen 127.0.0.1:${port};
    ${server}
  }
}
`;
}

/** Receives nginx's access log as datagrams: the one form in which a log line is an event (a pipe of ours is a socket, which nginx cannot open). */
class NginxLog {
  readonly lines: string[];
  readonly waiters: Waiters;
  readonly port: number;
  readonly #close: () => void;

  private constructor(parts: { lines: string[]; waiters: Waiters; port: number; close: () => void }) {
    this.lines = parts.lines;
    this.waiters = parts.waiters;
    this.port = parts.port;
    this.#close = parts.close;
  }

  static async open(): Promise<NginxLog> {
    const lines: string[] = [];
    const waiters = new Waiters();
    const socket = await Bun.udpSocket({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data: (_socket, datagram) => {
          const text = datagram.toString("utf8");
          lines.push(text.slice(text.indexOf("{")));
          waiters.changed();
        },
      },
    });
    return new NginxLog({ lines, waiters, port: socket.port, close: () => socket.close() });
  }

  close(): void {
    this.#close();
  }
}

export class Nginx {
  readonly child: Child;
  readonly address: Address;
  readonly #log: NginxLog;
  readonly #cleanUp: () => void;
  #marks = 0;

  constructor(child: Child, parts: { readonly port: number; readonly log: NginxLog; readonly cleanUp: () => void }) {
    this.child = child;
    this.address = { host: "127.0.0.1", port: parts.port };
    this.#log = parts.log;
    this.#cleanUp = parts.cleanUp;
  }

  get endpoint(): string {
    return `${this.address.host}:${this.address.port}`;
  }

  async untilReady(): Promise<void> {
    await eventually("nginx answers", async () => {
      if (this.child.exitCode !== undefined) throw new Error(`nginx ended:\n${this.child.output}`);
      return ask(this.address, "GET /ready HTTP/1.1\r\nHost: nginx\r\n\r\n").catch(() => undefined);
    });
    await this.seen();
  }

  /**
   * What nginx logged since the last call: waits for `count` requests (at most a second), then for one of our own, which
   * shows that nothing else was in flight. nginx writes its log in the order in which it finishes requests.
   */
  async seen(count = 0): Promise<readonly NginxRequest[]> {
    await this.#log.waiters
      .until(`${count} requests in nginx's log`, () => this.#log.lines.length >= count, 1000)
      .catch(() => undefined);
    const target = `/mark-${++this.#marks}`;
    await ask(this.address, `GET ${target} HTTP/1.1\r\nHost: mark\r\n\r\n`);
    const markAt = (): number => this.#log.lines.findIndex((line) => line.includes(`GET ${target} `));
    await this.#log.waiters.until("the mark is in nginx's log", () => markAt() >= 0);
    const fresh = this.#log.lines.splice(0, markAt() + 1).slice(0, -1);
    return fresh.map((line) => JSON.parse(line) as NginxRequest);
  }

  async stop(): Promise<void> {
    await this.child.stop();
    this.#log.close();
    this.#cleanUp();
  }
}

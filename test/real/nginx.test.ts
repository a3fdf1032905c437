import { afterEach, describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startBalancer, type Balancer } from "../support/balancer.ts";
import { Child } from "../support/child.ts";
import { needs } from "../support/needs.ts";
import { startNginx } from "../support/nginx.ts";
import { ask, connectRaw, type Address } from "../support/raw-client.ts";
import { scratchFolder } from "../support/scratch.ts";
import { eventually } from "../support/within.ts";

const real = needs({ commands: ["nginx"] });
const testMs = 30_000;
const mebibyte = 1024 * 1024;

describe.skipIf(real.missing)(real.name("the balancer in front of nginx"), () => {
  const cleanUps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  }, testMs);

  async function inFrontOf(endpoint: string): Promise<Address> {
    const balancer: Balancer = await startBalancer(`
listeners: { web: { bind: "127.0.0.1:0", pool: web } }
pools: { web: { balance: round-robin, endpoints: ["${endpoint}"], health: { http: { path: /up } } } }`);
    cleanUps.push(() => balancer.stop());
    return balancer.address("web");
  }

  async function nginxWith(server: string): Promise<Address> {
    const nginx = await startNginx(`location = /up { return 200 up; }\n${server}`);
    cleanUps.push(() => nginx.stop());
    return await inFrontOf(nginx.endpoint);
  }

  function folder(): string {
    const scratch = scratchFolder("files");
    cleanUps.push(() => scratch.remove());
    return scratch.path;
  }

  test(
    "requests one after the other travel over one connection, also those of different clients",
    async () => {
      const address = await nginxWith('location / { return 200 "$connection $connection_requests\\n"; }');
      const bodies: string[] = [];
      for (let clientNumber = 0; clientNumber < 3; clientNumber++) {
        const client = await connectRaw(address);
        for (let turn = 1; turn <= 20; turn++) {
          client.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n");
          const answer = (await client.untilResponses(turn)).at(-1);
          expect(answer?.status).toBe(200);
          bodies.push(answer?.body.toString().trim() ?? "");
        }
        client.close();
      }
      const [first] = bodies[0]?.split(" ") ?? [];
      expect(bodies).toEqual(bodies.map((_, index) => `${first} ${index + 1}`));
    },
    testMs,
  );

  test(
    "a file of 64 MiB arrives byte by byte, four times at once",
    async () => {
      const dir = folder();
      const content = randomBytes(64 * mebibyte);
      writeFileSync(join(dir, "large"), content);
      const address = await nginxWith(`location /files/ { alias ${dir}/; }`);
      const wanted = sha256(content);
      const downloads = Array.from({ length: 4 }, async () => {
        const response = await fetch(`http://${address.host}:${address.port}/files/large`, { keepalive: false });
        expect(response.headers.get("content-length")).toBe(String(content.length));
        const hash = createHash("sha256");
        for await (const chunk of response.body ?? []) hash.update(chunk);
        return hash.digest("hex");
      });
      expect(await Promise.all(downloads)).toEqual([wanted, wanted, wanted, wanted]);
    },
    testMs,
  );

  /** nginx stores the body in a file, and the answer names it. */
  const sink = `
location = /sink {
  client_max_body_size 0;
  client_body_in_file_only on;
  proxy_pass_request_body off;
  proxy_set_header Content-Length "";
  proxy_set_header X-File $request_body_file;
  proxy_set_header X-Framing "length=$http_content_length coding=$http_transfer_encoding";
  proxy_pass http://127.0.0.1:$server_port/stored;
}
location = /stored { return 200 "$http_x_file|$http_x_framing"; }`;

  const uploads: [name: string, bytes: number, framing: "length" | "chunked"][] = [
    ["a POST of one byte", 1, "length"],
    ["a POST of 64 KiB, as much as is kept for another attempt", 64 * 1024, "length"],
    ["a POST of 64 KiB and a byte", 64 * 1024 + 1, "length"],
    ["a POST of 16 MiB", 16 * mebibyte, "length"],
    ["a chunked POST of 16 MiB", 16 * mebibyte, "chunked"],
  ];
  for (const [name, bytes, framing] of uploads) {
    test(
      `${name} reaches nginx whole`,
      async () => {
        const address = await nginxWith(sink);
        const content = randomBytes(bytes);
        const body = framing === "length" ? content : pieces(content);
        const response = await fetch(`http://${address.host}:${address.port}/sink`, {
          method: "POST",
          body,
          keepalive: false,
        });
        expect(response.status).toBe(200);
        const [file = "", seen] = (await response.text()).split("|");
        expect(seen).toBe(framing === "length" ? `length=${bytes} coding=` : "length= coding=chunked");
        expect(sha256(await Bun.file(file).bytes())).toBe(sha256(content));
      },
      testMs,
    );
  }

  test(
    "nginx is reloaded again and again under load: no GET fails",
    async () => {
      const nginx = await startReloadable();
      cleanUps.push(() => nginx.stop());
      const address = await inFrontOf(nginx.endpoint);
      const failures: string[] = [];
      const workers = new Set<string>();
      const load = { answers: 0, isOver: false };
      // Each request on a connection of its own, so that no client library tries again by itself.
      const clients = Array.from({ length: 8 }, async () => {
        while (!load.isOver) {
          const answer = await ask(address, "GET /pid HTTP/1.1\r\nHost: web\r\n\r\n").catch((error: Error) => error);
          if (answer instanceof Error) failures.push(answer.message);
          else if (answer.status !== 200 || !answer.complete)
            failures.push(`${answer.status}: ${answer.body.toString()}`);
          else workers.add(answer.body.toString());
          load.answers += 1;
        }
      });
      try {
        for (let reload = 1; reload <= 5; reload++) {
          const before = load.answers;
          nginx.child.signal("SIGHUP");
          // A worker of the new configuration answers, and traffic goes on for a while behind it.
          await eventually("a new worker answers", () => (workers.size > reload ? true : undefined), {
            timeoutMs: 10_000,
          });
          await eventually("the load goes on", () => (load.answers > before + 50 ? true : undefined), {
            timeoutMs: 10_000,
          });
        }
      } finally {
        load.isOver = true;
        await Promise.all(clients);
      }
      expect(failures).toEqual([]);
      expect(workers.size).toBe(6);
    },
    testMs,
  );
});

/** An nginx with a master process: only that one reloads by replacing its worker. */
async function startReloadable(): Promise<{ readonly child: Child; readonly endpoint: string; stop(): Promise<void> }> {
  const scratch = scratchFolder("nginx-reload");
  const path = scratch.path;
  mkdirSync(join(path, "logs"));
  const held = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const port = held.port;
  // nginx cannot choose a port: this one was free a moment ago.
  held.stop(true);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${path}/${name};`,
  );
  writeFileSync(
    join(path, "nginx.conf"),
    `daemon off;
worker_processes 1;
pid ${path}/nginx.pid;
error_log stderr warn;
events { worker_connections 512; }
http {
  ${temporary.join("\n  ")}
  access_log off;
  server {
    listen 127.0.0.1:${port};
    location = /up { return 200 up; }
    location = /pid { return 200 $pid; }
  }
}
`,
  );
  const child = new Child(["nginx", "-p", path, "-c", "nginx.conf", "-e", "stderr"]);
  const stop = async (): Promise<void> => {
    await child.stop();
    scratch.remove();
  };
  await eventually("nginx answers", async () => {
    if (child.exitCode !== undefined) throw new Error(`nginx ended with ${child.exitCode}:\n${child.output}`);
    return await ask({ host: "127.0.0.1", port }, "GET /up HTTP/1.1\r\nHost: web\r\n\r\n").catch(() => undefined);
  });
  return { child, endpoint: `127.0.0.1:${port}`, stop };
}

/** A stream of unknown length: sent chunked. */
function pieces(content: Buffer): ReadableStream<Uint8Array> {
  let sentBytes = 0;
  return new ReadableStream({
    pull: (controller) => {
      if (sentBytes >= content.length) return controller.close();
      controller.enqueue(content.subarray(sentBytes, sentBytes + 100_000));
      sentBytes += 100_000;
    },
  });
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StatusView } from "../../src/model/status.ts";

const program = join(import.meta.dir, "../../bin/weichensteller");
/** A killed service comes back after 8 s. */
const timeoutMs = 40_000;

interface Quickstart {
  readonly pid: number;
  readonly folder: string;
  readonly exited: Promise<number>;
  /** First match in a line of standard output, also of one that came before; rejects when the program ended without it. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  output(): string;
  signal(name: "SIGINT" | "SIGKILL"): void;
}

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function newFolder(): string {
  const parent = mkdtempSync(join(tmpdir(), "wst-quickstart-"));
  cleanups.push(() => rmSync(parent, { recursive: true, force: true }));
  return join(parent, "run");
}

function startQuickstart(args: readonly string[], folder = newFolder()): Quickstart {
  let text = "";
  let wake: () => void = () => undefined;
  const child = Bun.spawn([program, "start", ...args], {
    env: { ...process.env, RUNTIME_DIRECTORY: folder },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      text += decoder.decode(bytes, { stream: true });
      wake();
    }
  };
  const streams = Promise.all([read(child.stdout), read(child.stderr)]);
  let isOver = false;
  const exited = child.exited.then(async (code) => {
    // Workers of a killed supervisor may hold standard error open: what has come is enough.
    await Promise.race([streams, Bun.sleep(200)]);
    isOver = true;
    wake();
    return code;
  });
  cleanups.push(async () => {
    if (!isOver) child.kill("SIGTERM");
    await exited;
  });
  return {
    pid: child.pid,
    folder,
    exited,
    async line(pattern) {
      for (;;) {
        for (const line of text.split("\n")) {
          const match = pattern.exec(line);
          if (match !== null) return match;
        }
        if (isOver) throw new Error(`ended without ${String(pattern)}:\n${text}`);
        await new Promise<void>((resolve) => void (wake = resolve));
      }
    },
    output: () => text,
    signal: (name) => {
      child.kill(name);
    },
  };
}

/** A zombie counts as gone: when it is reaped is up to process 1. */
function isAlive(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text[text.lastIndexOf(")") + 2] !== "Z";
  } catch {
    return false;
  }
}

async function status(folder: string): Promise<StatusView> {
  const child = Bun.spawn([program, "status", "--json"], {
    env: { ...process.env, RUNTIME_DIRECTORY: folder },
    stdout: "pipe",
  });
  return JSON.parse(await new Response(child.stdout).text()) as StatusView;
}

/** Processes are no events for strangers: looked at until they are gone or the test's time is over. */
async function gone(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await Bun.sleep(10);
}

async function servicePids(quickstart: Quickstart): Promise<readonly number[]> {
  const lines = await Promise.all(
    [1, 2, 3].map((n) => quickstart.line(new RegExp(`service orders-${n} runs on .*\\(pid (\\d+)\\)`))),
  );
  return lines.map(([, pid]) => Number(pid));
}

describe("quickstart", () => {
  test(
    "balances, shows a killed service DOWN and UP again, and leaves nothing behind",
    async () => {
      const quickstart = startQuickstart(["--port", "0"]);
      const [, url] = await quickstart.line(/curl (http:\S+)/);
      const services = await servicePids(quickstart);

      const names = new Set<string>();
      for (let i = 0; i < 6; i++) {
        const answer = await fetch(url!); // the pattern has one group
        expect(answer.status).toBe(200);
        names.add(((await answer.json()) as { service: string }).service);
      }
      expect([...names].toSorted()).toEqual(["orders-1", "orders-2", "orders-3"]);

      process.kill(services[0]!, "SIGKILL");
      const statuses: number[] = [];
      const down = quickstart.line(/demo\/orders-1 is DOWN: .*(connect refused|failed connect)/);
      const seen = { isDown: false };
      const noticed = down.then(() => {
        seen.isDown = true;
      });
      while (!seen.isDown) statuses.push((await fetch(url!)).status);
      await noticed;
      expect(new Set(statuses)).toEqual(new Set([200]));
      const view = await status(quickstart.folder);
      expect(view.pools[0]?.endpoints.map(({ name, state }) => `${name} ${state}`)).toEqual([
        "orders-1 1",
        "orders-2 0",
        "orders-3 0",
      ]);

      const [, newPid] = await quickstart.line(/service orders-1 runs again \(pid (\d+)\)/);
      await quickstart.line(/demo\/orders-1 is UP: checks pass/);

      const everybody = [...services.slice(1), Number(newPid), ...view.workers.map(({ pid }) => pid)];
      expect(everybody.every(isAlive)).toBe(true);
      // As npm passes one Ctrl-C on.
      quickstart.signal("SIGINT");
      quickstart.signal("SIGINT");
      expect(await quickstart.exited).toBe(0);
      await gone(everybody);
      expect(existsSync(quickstart.folder)).toBe(false);
    },
    timeoutMs,
  );

  test(
    "a taken port: says by whom and how to go on",
    async () => {
      const server = createServer();
      await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
      cleanups.push(() => new Promise<void>((resolve) => void server.close(() => resolve())));
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      const quickstart = startQuickstart(["--port", String(port)]);
      expect(await quickstart.exited).toBe(1);
      expect(quickstart.output()).toMatch(new RegExp(`127.0.0.1:${port} is in use by .*\\(pid ${process.pid}, `));
      expect(quickstart.output()).toContain("--port");
      expect(existsSync(quickstart.folder)).toBe(false);
    },
    timeoutMs,
  );

  test(
    "services die with a quickstart that is killed, and the next start in its place cleans up",
    async () => {
      const quickstart = startQuickstart(["--port", "0"]);
      await quickstart.line(/curl http/);
      const services = await servicePids(quickstart);
      const { workers } = await status(quickstart.folder);
      quickstart.signal("SIGKILL");
      await quickstart.exited;
      await gone(services);
      // Workers outlive their supervisor by design, so that the next one can take them over.
      for (const { pid } of workers) if (isAlive(pid)) process.kill(pid, "SIGKILL");
      await gone(workers.map(({ pid }) => pid));
      const next = startQuickstart(["--port", "0"], quickstart.folder);
      await next.line(/curl http/);
      next.signal("SIGINT");
      expect(await next.exited).toBe(0);
      expect(existsSync(quickstart.folder)).toBe(false);
    },
    timeoutMs,
  );
});

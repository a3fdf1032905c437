/** What we know of Bun's processes, shared memory and tools and build on, one fact a test, with who relies on it. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../support/needs.ts";

const folder = mkdtempSync(join(tmpdir(), "weichensteller-runtime-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function program(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function firstLine(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  let text = "";
  for await (const chunk of stream) {
    text += new TextDecoder().decode(chunk);
    if (text.includes("\n")) break;
  }
  return text.split("\n")[0] ?? "";
}

describe("sockets across processes", () => {
  // The supervisor binds each listener once and the workers inherit it: no connection is lost when one of them dies.
  test("an inherited listening socket goes on accepting when the process that bound it has let go", async () => {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const path = program(
      "inherit.ts",
      `Bun.listen({ fd: 3, socket: { open(s) { s.end("from " + process.pid); }, data() {} } }); console.log("ready");`,
    );
    const { fd, port } = listener as unknown as { fd: number; port: number };
    const child = Bun.spawn([process.execPath, path], { stdio: ["ignore", "pipe", "inherit", fd] });
    await firstLine(child.stdout);
    listener.stop(true);
    const answer = Promise.withResolvers<string>();
    await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_socket, chunk) => answer.resolve(chunk.toString()),
        error: (_socket, error) => answer.reject(error),
      },
    });
    expect(await answer.promise).toBe(`from ${child.pid}`);
    child.kill("SIGKILL");
    await child.exited;
  });

  // The worker link is a unix stream socket, so that workers can connect again to a supervisor that was replaced.
  test("a unix socket's client can connect again to a new listener at the same path", async () => {
    const path = join(folder, "link.sock");
    const greet = (text: string) =>
      Bun.listen({ unix: path, socket: { open: (socket) => void socket.end(text), data() {} } });
    const ask = async (): Promise<string> => {
      const answer = Promise.withResolvers<string>();
      await Bun.connect({
        unix: path,
        socket: { data: (_socket, chunk) => answer.resolve(chunk.toString()) },
      });
      return answer.promise;
    };
    const first = greet("first");
    expect(await ask()).toBe("first");
    first.stop(true);
    rmSync(path, { force: true });
    const second = greet("second");
    expect(await ask()).toBe("second");
    second.stop(true);
  });
});

describe("shared memory", () => {
  const shared = (name: string): string => {
    const path = join(folder, name);
    writeFileSync(path, "");
    truncateSync(path, 4096);
    return path;
  };

  // Counters are float64 slots that one worker writes and the supervisor reads.
  test("float64 stores of one process are read by another", async () => {
    const path = shared("counters");
    const writer = program(
      "writer.ts",
      `const a = new Float64Array(Bun.mmap(process.argv[2], { shared: true }).buffer); a[7] = 123456789.5;`,
    );
    const ours = new Float64Array(Bun.mmap(path, { shared: true }).buffer);
    expect(ours[7]).toBe(0);
    expect(await Bun.spawn([process.execPath, writer, path]).exited).toBe(0);
    expect(ours[7]).toBe(123456789.5);
  });

  // Node-wide limits (planned) add with Atomics from several workers at once.
  test("Atomics.add of two processes loses nothing", async () => {
    const path = shared("atomics");
    const adder = program(
      "adder.ts",
      `const a = new Int32Array(Bun.mmap(process.argv[2], { shared: true }).buffer);
       for (let i = 0; i < 200000; i++) Atomics.add(a, 3, 1);`,
    );
    const children = [1, 2].map(() => Bun.spawn([process.execPath, adder, path]));
    expect(await Promise.all(children.map((child) => child.exited))).toEqual([0, 0]);
    expect(new Int32Array(Bun.mmap(path, { shared: true }).buffer)[3]).toBe(400_000);
  });

  // Waiters of another worker are woken over the worker link, because this is not possible.
  test("Atomics.wait refuses mapped memory", () => {
    const slots = new Int32Array(Bun.mmap(shared("wait"), { shared: true }).buffer);
    expect(() => Atomics.wait(slots, 0, 1, 0)).toThrow(TypeError);
  });
});

describe("processes", () => {
  // Why platform/replace-process.ts calls the C library: an upgrade hands its listening sockets over.
  test("process.execve keeps the process id, and closes every descriptor above 2", async () => {
    const after = program(
      "after.ts",
      `import { readdirSync, readlinkSync } from "node:fs";
      const kept = readdirSync("/proc/self/fd").filter((fd) => {
        try { return readlinkSync("/proc/self/fd/" + fd).endsWith("/kept"); } catch { return false; }
      });
      console.log(process.pid + " " + kept.length);`,
    );
    const before = program(
      "before.ts",
      `import { openSync } from "node:fs";
      import { dlopen } from "bun:ffi";
      const fd = openSync(${JSON.stringify(program("kept", ""))}, "r");
      const c = dlopen("libc.so.6", { fcntl: { args: ["int", "int", "int"], returns: "int" } }).symbols;
      if (c.fcntl(fd, 2, 0) !== 0) throw new Error("fcntl");
      process.execve(process.execPath, [process.execPath, ${JSON.stringify(after)}], process.env);`,
    );
    const child = Bun.spawn([process.execPath, before], { stdout: "pipe" });
    expect(await firstLine(child.stdout)).toBe(`${child.pid} 0`);
    expect(await child.exited).toBe(0);
  });

  // The processes name themselves for ps: weichensteller, wst-worker.
  test("prctl through FFI sets the name that ps shows", async () => {
    const path = program(
      "name.ts",
      `import { dlopen, ptr } from "bun:ffi";
       import { readFileSync } from "node:fs";
       const libc = dlopen("libc.so.6", { prctl: { args: ["i32", "ptr", "u64", "u64", "u64"], returns: "i32" } });
       libc.symbols.prctl(15, ptr(Buffer.from("wst-worker\\0")), 0, 0, 0);
       console.log(readFileSync("/proc/self/comm", "utf8").trim());`,
    );
    const child = Bun.spawn([process.execPath, path], { stdout: "pipe" });
    expect(await firstLine(child.stdout)).toBe("wst-worker");
    await child.exited;
  });

  // Workers run as an unprivileged user while the supervisor stays root.
  const root = needs({ root: true });
  test.skipIf(root.missing)(root.name("spawn can give up root for the child"), async () => {
    const child = Bun.spawn(["id", "-u"], { uid: 65534, gid: 65534, stdout: "pipe" });
    expect(await firstLine(child.stdout)).toBe("65534");
    await child.exited;
  });
});

describe("tools", () => {
  // The wall against wrong imports reads them with oxc-parser for this reason.
  test("scanImports does not see type imports", () => {
    const seen = new Bun.Transpiler({ loader: "ts" }).scanImports(
      `import type { A } from "./a.ts"; import { b } from "./b.ts"; export const c = (x: A) => b(x);`,
    );
    expect(seen.map((one) => one.path)).toEqual(["./b.ts"]);
  });

  // tools/test.ts does not believe an exit code of 0: see test/tooling/runner.test.ts for the whole.
  test("bun test exits with 0 when a test ends the process", async () => {
    program("ends.test.ts", `import { test } from "bun:test"; test("x", () => process.exit(0));`);
    const child = Bun.spawn([process.execPath, "test", "./ends.test.ts"], {
      cwd: folder,
      stdout: "ignore",
      stderr: "pipe",
    });
    expect(await child.exited).toBe(0);
    expect(await child.stderr.text()).not.toContain("Ran ");
  });
});

import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linux } from "./linux.ts";
import type { ListenOptions } from "./ports.ts";
import { portOf, socketAddress } from "./socket-address.ts";

const { listenSockets } = linux;

function listen(changes: Partial<ListenOptions> = {}): { fd: number; port: number } {
  const result = listenSockets.bindListen({
    host: "127.0.0.1",
    port: 0,
    backlog: 16,
    ipv6Only: false,
    freebind: false,
    ...changes,
  });
  if (!result.ok) throw new Error(`${result.code}: ${result.text}`);
  return result.value;
}

function failing(changes: Partial<ListenOptions>) {
  return listenSockets.bindListen({
    host: "127.0.0.1",
    port: 0,
    backlog: 16,
    ipv6Only: false,
    freebind: false,
    ...changes,
  });
}

describe("socketAddress", () => {
  test.each<[string, number, number[]]>([
    ["127.0.0.1", 80, [2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]],
    ["255.255.255.255", 65_535, [2, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0]],
    ["::1", 258, [10, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]],
  ])("%s port %d", (host, port, bytes) => {
    const address = socketAddress(host, port)!;
    expect([...address.bytes]).toEqual(bytes);
    expect(portOf(address.bytes)).toBe(port);
  });

  test.each(["", "localhost", "127.0.0.1:80", "[::1]", "fe80::1%eth0"])("%j is none", (host) => {
    expect(socketAddress(host, 1)).toBeUndefined();
  });
});

describe("bindListen", () => {
  test("gives a descriptor that serves, and that no child inherits unasked", async () => {
    const { fd, port } = listen();
    const flags = Number.parseInt(/flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "", 8);
    const closeOnExec = 0o2000000;
    const nonBlocking = 0o4000;
    expect(flags & closeOnExec).toBe(closeOnExec);
    expect(flags & nonBlocking).toBe(nonBlocking);
    const socket = { data: (peer: Bun.Socket, bytes: Uint8Array) => void peer.write(bytes) };
    const server = Bun.listen({ fd, socket } as unknown as Bun.TCPSocketListenOptions<undefined>);
    const echoed = Promise.withResolvers<string>();
    const client = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: { data: (_peer, bytes) => echoed.resolve(bytes.toString()) },
    });
    client.write("hello");
    expect(await echoed.promise).toBe("hello");
    client.end();
    server.stop(true);
  });

  test("a port is held exclusively, and its holder is found", () => {
    const { fd, port } = listen();
    expect(failing({ port })).toMatchObject({ ok: false, code: "EADDRINUSE" });
    expect(failing({ host: "0.0.0.0", port })).toMatchObject({ ok: false, code: "EADDRINUSE" });
    for (const host of ["127.0.0.1", "0.0.0.0"]) {
      expect(listenSockets.holder({ host, port })).toMatchObject({
        pid: process.pid,
        uid: process.getuid?.(),
      });
    }
    expect(listenSockets.holder({ host: "127.0.0.2", port })).toBeUndefined();
    listenSockets.close(fd);
    expect(listenSockets.holder({ host: "127.0.0.1", port })).toBeUndefined();
    listenSockets.close(listen({ port }).fd);
  });

  test("an IPv6-only wildcard leaves the IPv4 side of its port to another socket", () => {
    const ipv6 = listen({ host: "::", ipv6Only: true });
    const ipv4 = listen({ host: "0.0.0.0", port: ipv6.port });
    expect(listenSockets.holder({ host: "::1", port: ipv6.port })).toMatchObject({
      pid: process.pid,
    });
    listenSockets.close(ipv6.fd);
    listenSockets.close(ipv4.fd);
  });

  test("an address that is not here fails, and with freebind it does not", () => {
    // 192.0.2.0/24 is for documentation (RFC 5737).
    expect(failing({ host: "192.0.2.9" })).toMatchObject({ ok: false, code: "EADDRNOTAVAIL" });
    listenSockets.close(listen({ host: "192.0.2.9", freebind: true }).fd);
  });

  test("a failure leaves no descriptor open", () => {
    const { fd, port } = listen();
    failing({ port });
    const next = listen();
    expect(next.fd).toBe(fd + 1);
    listenSockets.close(fd);
    listenSockets.close(next.fd);
  });

  test("what is no address is refused", () => {
    expect(failing({ host: "localhost" })).toMatchObject({ ok: false, code: "EINVAL" });
  });
});

describe("lock", () => {
  test("is exclusive, tells who holds it, and leaves no file", () => {
    const folder = mkdtempSync(join(tmpdir(), "wst-lock-"));
    const path = join(folder, "lock");
    const first = linux.files.lock(path, "4711");
    if (!first.ok || "heldBy" in first.value) throw new Error("not locked");
    // flock belongs to the open file, so that this process is as good as another one.
    expect(linux.files.lock(path, "4712")).toEqual({ ok: true, value: { heldBy: "4711" } });
    first.value.release();
    expect(linux.files.readText(path)).toMatchObject({ ok: false, code: "ENOENT" });
    const second = linux.files.lock(path, "4713");
    if (!second.ok || "heldBy" in second.value) throw new Error("not locked");
    expect(linux.files.readText(path)).toEqual({ ok: true, value: "4713" });
    second.value.release();
    rmSync(folder, { recursive: true });
  });
});

describe("replacing a file", () => {
  test("the new text stands there, mode 0600, and nothing beside it", () => {
    const folder = mkdtempSync(join(tmpdir(), "wst-replace-"));
    const path = join(folder, "a.json");
    expect(linux.files.replaceText(path, "one")).toEqual({ ok: true, value: undefined });
    expect(linux.files.replaceText(path, "two")).toEqual({ ok: true, value: undefined });
    expect(readFileSync(path, "utf8")).toBe("two");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["a.json"]);
    expect(linux.files.replaceText(join(path, "b.json"), "x")).toMatchObject({ ok: false, code: "ENOTDIR" });
    expect(linux.files.replaceText(join(folder, "no", "b.json"), "x")).toMatchObject({ ok: false, code: "ENOENT" });
    rmSync(folder, { recursive: true });
  });
});

describe("names", () => {
  test("a literal is its own address, a name that does not exist says so", async () => {
    expect(await linux.names.resolve("::1", { timeoutMs: 1 })).toEqual({ ok: true, value: ["::1"] });
    const localhost = await linux.names.resolve("localhost", { timeoutMs: 5_000 });
    expect(localhost.ok && localhost.value.includes("127.0.0.1")).toBe(true);
    // RFC 6761: never delegated.
    expect(await linux.names.resolve("nothing.invalid", { timeoutMs: 5_000 })).toMatchObject({
      ok: false,
    });
  });
});

describe("processes", () => {
  test("a name is cut at the 15 bytes that the kernel keeps", () => {
    const before = readFileSync("/proc/self/comm", "utf8").trim();
    linux.processes.nameThis("0123456789abcdefgh");
    expect(readFileSync("/proc/self/comm", "utf8").trim()).toBe("0123456789abcde");
    linux.processes.nameThis(before);
  });

  test("users by name", () => {
    expect(linux.processes.userIds("root")).toEqual({ uid: 0, gid: 0 });
    expect(linux.processes.userIds("no-such-user")).toBeUndefined();
  });

  test("the end of a child says its code or its signal, and it gets the descriptors it was given", async () => {
    const end = (script: string) =>
      new Promise((resolve) => {
        const { fd } = listen();
        linux.processes.spawn({
          command: ["/bin/sh", "-c", script],
          env: {},
          descriptors: [fd, fd],
          onExit: resolve,
        });
        listenSockets.close(fd);
      });
    expect(await end("exit 7")).toEqual({ exitCode: 7 });
    expect(await end("kill -9 $$")).toEqual({ signal: "SIGKILL" });
    expect(await end("test -S /dev/fd/3 && test -S /dev/fd/4 && ! test -e /dev/fd/5")).toEqual({
      exitCode: 0,
    });
  });

  test("the descriptor limit ends at the hard one, and is never lowered", () => {
    const { soft, hard } = linux.limits.raiseDescriptors(0);
    expect(soft).toBe(hard);
    expect(linux.limits.raiseDescriptors(64)).toEqual({ soft, hard });
  });
});

import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linux } from "./linux.ts";
import type { ListenOptions } from "./ports.ts";
import { portOf, socketAddress } from "./socket-address.ts";

const { listenSockets } = linux;

/** Sockets of this process. Numbers of descriptors would not do: the runtime's threads open and close files at any time. */
function openSockets(): readonly string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith("socket:") ? [target] : [];
    } catch {
      // The descriptor that listed the folder is closed by now.
      return [];
    }
  });
}

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
    const before = openSockets();
    for (let turn = 0; turn < 3; turn++) failing({ port });
    expect(openSockets()).toEqual(before);
    listenSockets.close(fd);
    expect(openSockets()).toHaveLength(before.length - 1);
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

describe("descriptor channels", () => {
  test("carry descriptors both ways, in any number, with the connecting process", () => {
    const folder = mkdtempSync(join(tmpdir(), "wst-fds-"));
    const path = join(folder, "fds.sock");
    const { descriptorChannels } = linux;
    const server = descriptorChannels.listen(path);
    if (!server.ok) throw new Error(server.text);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const client = descriptorChannels.connect(path);
    if (!client.ok) throw new Error(client.text);
    const [accepted] = server.value.accept();
    expect(accepted!.pid).toBe(process.pid);
    expect(server.value.accept()).toEqual([]);
    const own = listen();
    // More than one message holds.
    const many = Array.from({ length: 150 }, (_, index) => ({ id: index + 1, fd: own.fd }));
    expect(accepted!.channel.send(many).ok).toBe(true);
    const received = client.value.receive();
    expect(received.map(({ id }) => id)).toEqual(many.map(({ id }) => id));
    expect(received.every(({ fd }) => listenSockets.boundPort(fd) === own.port)).toBe(true);
    expect(client.value.receive()).toEqual([]);
    expect(client.value.send(received.slice(0, 1)).ok).toBe(true);
    const back = accepted!.channel.receive();
    expect(back.map(({ fd }) => listenSockets.boundPort(fd))).toEqual([own.port]);
    for (const { fd } of [...received, ...back, own]) listenSockets.close(fd);
    accepted!.channel.close();
    expect(client.value.send([{ id: 1, fd: 0 }])).toMatchObject({ ok: false, code: "EPIPE" });
    client.value.close();
    server.value.stop();
    rmSync(folder, { recursive: true });
  });

  test("where nobody listens, and for a path that is too long, the failure says so", () => {
    expect(linux.descriptorChannels.connect("/nonexistent/fds.sock")).toMatchObject({ ok: false, code: "ENOENT" });
    expect(linux.descriptorChannels.listen(`/tmp/${"x".repeat(110)}`)).toMatchObject({ ok: false, code: "EINVAL" });
  });
});

describe("files", () => {
  test("a stamp changes when a file is written and when another takes its place", () => {
    const folder = mkdtempSync(join(tmpdir(), "wst-stamp-"));
    const path = join(folder, "a");
    const { files } = linux;
    expect(files.stamp(path)).toBeUndefined();
    const stamps = ["one", "two", "two"].map((text) => {
      expect(files.replaceText(path, text).ok).toBe(true);
      return files.stamp(path);
    });
    expect(new Set(stamps).size).toBe(3);
    expect(readFileSync(path, "utf8")).toBe("two");
    expect(files.replaceText(join(folder, "no", "such"), "")).toMatchObject({ ok: false, code: "ENOENT" });
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

  test("a process that is no child is watched to its end, and only under its name", async () => {
    const child = Bun.spawn(["sleep", "60"]);
    const ended = Promise.withResolvers<void>();
    const onExit = () => ended.resolve();
    expect(linux.processes.adopt(child.pid, { name: "another", onExit })).toBeUndefined();
    const adopted = linux.processes.adopt(child.pid, { name: "sleep", onExit });
    expect(adopted?.pid).toBe(child.pid);
    adopted?.kill("SIGKILL");
    await ended.promise;
    expect(linux.processes.adopt(child.pid, { name: "sleep", onExit })).toBeUndefined();
  });

  test("a command runs to its end, or to its time", async () => {
    const { processes } = linux;
    const wrong = await processes.runToEnd(["sh", "-c", "echo out; echo err >&2; exit 3"], { timeoutMs: 10_000 });
    expect(wrong).toEqual({ exitCode: 3, output: "out\nerr" });
    expect((await processes.runToEnd(["sleep", "60"], { timeoutMs: 50 })).exitCode).toBeUndefined();
    expect((await processes.runToEnd(["/no/such/program"], { timeoutMs: 50 })).exitCode).toBeUndefined();
  });

  test("the descriptor limit ends at the hard one, and is never lowered", () => {
    const { soft, hard } = linux.limits.raiseDescriptors(0);
    expect(soft).toBe(hard);
    expect(linux.limits.raiseDescriptors(64)).toEqual({ soft, hard });
  });
});

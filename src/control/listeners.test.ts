import { expect, test } from "bun:test";
import type { ListenerConfig } from "../model/config.ts";
import type { ListenOptions, ListenSockets, OsFailure, PortHolder } from "../platform/ports.ts";
import { type Bound, type BoundSocket, bindListeners, inheritedSockets } from "./listeners.ts";

const inUse = { ok: false, code: "EADDRINUSE", text: "address in use" } as const;
const notHere = {
  ok: false,
  code: "EADDRNOTAVAIL",
  text: "this machine does not have the address",
} as const;
const noIpv6 = { ok: false, code: "EAFNOSUPPORT", text: "no IPv6" } as const;
const denied = { ok: false, code: "EACCES", text: "permission denied" } as const;

/** A machine that refuses what `refuse` says; descriptors count up from 10, free ports from 40000. */
function machine(refuse: (options: ListenOptions) => OsFailure | undefined, holder?: PortHolder) {
  const open = new Map<number, ListenOptions>();
  let fd = 10;
  let freePort = 40_000;
  const sockets: ListenSockets = {
    bindListen(options) {
      const failure = refuse(options);
      if (failure !== undefined) return failure;
      open.set(fd, options);
      return {
        ok: true,
        value: { fd: fd++, port: options.port === 0 ? freePort++ : options.port },
      };
    },
    setBacklog: () => ({ ok: true, value: undefined }),
    boundPort: () => undefined,
    duplicate: (original) => ({ ok: true, value: original }),
    close: (closed) => void open.delete(closed),
    holder: () => holder,
  };
  return { sockets, open };
}

function listener(name: string, ...bind: [string, number][]): ListenerConfig {
  return { name, bind: bind.map(([host, port]) => ({ host, port })) } as unknown as ListenerConfig;
}

/** Binds with ids that count up from 1. */
function bind(sockets: ListenSockets, listeners: readonly ListenerConfig[], before: readonly BoundSocket[] = []) {
  let id = Math.max(0, ...before.map((socket) => socket.id));
  return bindListeners(sockets, listeners, { before, newId: () => ++id });
}

function bound(result: Bound): Extract<Bound, { kind: "bound" }> {
  if (result.kind === "failed") throw new Error(result.line);
  return result;
}

test("every address has a socket, IPv4 before IPv6 for `*`", () => {
  const { sockets } = machine(() => undefined);
  const made = bound(bind(sockets, [listener("a", ["*", 80]), listener("b", ["127.0.0.1", 0], ["::1", 81])]));
  expect(Object.fromEntries(made.sockets)).toEqual({
    a: [
      { host: "0.0.0.0", port: 80, fd: 10, id: 1, asked: "*:80" },
      { host: "::", port: 80, fd: 11, id: 2, asked: "*:80" },
    ],
    b: [
      { host: "127.0.0.1", port: 40_000, fd: 12, id: 3, asked: "127.0.0.1:0 b 0" },
      { host: "::1", port: 81, fd: 13, id: 4, asked: "[::1]:81" },
    ],
  });
  expect(made.opened.length).toBe(4);
});

test("sockets stay while their address does, under whatever name; the others are new or unused", () => {
  const { sockets, open } = machine(() => undefined);
  const first = bound(bind(sockets, [listener("a", ["*", 80], ["127.0.0.1", 0]), listener("b", ["127.0.0.1", 81])]));
  const next = bound(
    bind(sockets, [listener("c", ["*", 80]), listener("a", ["127.0.0.1", 82], ["127.0.0.1", 0])], first.opened),
  );
  expect(next.sockets.get("c")).toEqual(first.sockets.get("a")!.slice(0, 2));
  // "Any free port" as the second address of a is the same one again.
  expect(next.sockets.get("a")![1]).toEqual(first.sockets.get("a")![2]!);
  expect(next.opened.map(({ asked, id }) => [asked, id])).toEqual([["127.0.0.1:82", 5]]);
  expect(next.unused.map(({ asked }) => asked)).toEqual(["127.0.0.1:81"]);
  expect(open.size).toBe(5);
});

test("after a failure the sockets of before are open, the new ones are not, and an overlap with our own is named", () => {
  const taken = machine(({ host }) => (host === "0.0.0.0" ? inUse : undefined));
  const first = bound(bind(taken.sockets, [listener("a", ["127.0.0.1", 80])]));
  const next = bind(taken.sockets, [listener("b", ["127.0.0.1", 81]), listener("a", ["0.0.0.0", 80])], first.opened);
  expect(next.kind === "failed" && next.line).toContain("by this instance's own 127.0.0.1:80");
  expect([...taken.open.values()].map(({ port }) => port)).toEqual([80]);
});

test("IPv6 sockets leave IPv4 alone", () => {
  const { sockets, open } = machine(() => undefined);
  bind(sockets, [listener("a", ["*", 80], ["::", 81], ["127.0.0.1", 82])]);
  expect([...open.values()].map(({ host, ipv6Only }) => [host, ipv6Only])).toEqual([
    ["0.0.0.0", false],
    ["::", true],
    ["::", true],
    ["127.0.0.1", false],
  ]);
});

test("a port that is free for IPv4 only is not taken for `*` with port 0: another one is tried", () => {
  const { sockets, open } = machine(({ host, port }) => (host === "::" && port === 40_000 ? inUse : undefined));
  const result = bind(sockets, [listener("a", ["*", 0])]);
  expect(result.kind === "bound" && result.sockets.get("a")!.map(({ port }) => port)).toEqual([40_001, 40_001]);
  expect(open.size).toBe(2);
});

test("the search for such a port has an end", () => {
  const { sockets, open } = machine(({ host }) => (host === "::" ? inUse : undefined));
  expect(bind(sockets, [listener("a", ["*", 0])]).kind).toBe("failed");
  expect(open.size).toBe(0);
});

test("without IPv6 in the kernel `*` is every IPv4 address", () => {
  const { sockets } = machine(({ host }) => (host === "::" ? noIpv6 : undefined));
  const result = bind(sockets, [listener("a", ["*", 80])]);
  expect(result.kind === "bound" && result.sockets.get("a")!.map(({ host }) => host)).toEqual(["0.0.0.0"]);
});

test("an address that is not here yet is bound early and reported", () => {
  const { sockets } = machine(({ freebind }) => (freebind ? undefined : notHere));
  const result = bind(sockets, [listener("a", ["192.0.2.1", 80])]);
  expect(result.kind === "bound" && result.warnings).toEqual([
    "listener a: 192.0.2.1:80 is no address of this machine now; waiting for it",
  ]);
});

const nginx: PortHolder = {
  uid: 0,
  user: "root",
  pid: 812,
  name: "nginx",
  command: "nginx: master process",
};
const orphan: PortHolder = {
  uid: 990,
  user: "weichensteller",
  pid: 77,
  name: "wst-worker",
  command: "bun worker.ts",
};

test.each<[string, OsFailure, PortHolder | undefined, string]>([
  ["by a process", inUse, nginx, "address in use by nginx: master process (pid 812, user root)"],
  [
    "by an orphan",
    inUse,
    orphan,
    "address in use by a worker that outlived its supervisor; end it with: kill 77 (user weichensteller)",
  ],
  [
    "by someone hidden",
    inUse,
    { uid: 33, user: "www-data" },
    "address in use by a process of www-data (only root and www-data can see which)",
  ],
  [
    "by a user without a name",
    inUse,
    { uid: 4_000 },
    "address in use by a process of uid 4000 (only root and uid 4000 can see which)",
  ],
  ["by nobody to be found", inUse, undefined, "address in use"],
  [
    "not allowed",
    denied,
    undefined,
    "permission denied: ports below net.ipv4.ip_unprivileged_port_start (1024) need root or the capability CAP_NET_BIND_SERVICE",
  ],
])("a failure closes what was open and says why: %s", (_name, failure, holder, reason) => {
  const { sockets, open } = machine(({ port }) => (port === 80 ? failure : undefined), holder);
  const result = bind(sockets, [listener("a", ["127.0.0.1", 81]), listener("b", ["::1", 80])]);
  expect(result).toEqual({
    kind: "failed",
    line: `listener b: cannot listen on [::1]:80: ${reason}`,
  });
  expect(open.size).toBe(0);
});

test("sockets that were handed over are used where they are noted and really bound there; the rest is closed", () => {
  const closed: number[] = [];
  const ports = { ...machine(() => undefined).sockets, close: (fd: number) => void closed.push(fd) };
  const boundPort = (fd: number) => (fd === 30 ? 80 : fd === 31 ? 4_711 : undefined);
  const noted = [1, 2, 3, 4].map((id) => ({ id, host: "127.0.0.1", port: 80, asked: "127.0.0.1:80" }));
  const found = [
    { id: 1, fd: 30 },
    // Once more the same, another port, no socket at all, and one that nobody knows.
    { id: 1, fd: 40 },
    { id: 2, fd: 31 },
    { id: 3, fd: 32 },
    { id: 9, fd: 33 },
  ];
  expect(inheritedSockets({ ...ports, boundPort }, noted, found)).toEqual([{ ...noted[0]!, fd: 30 }]);
  expect(closed).toEqual([40, 31, 32, 33]);
});

import type { VariantName } from "./peers.ts";

/** One line of the table of figures. */
export interface BenchCase {
  readonly name: string;
  readonly title: string;
  /** `cpu`: wrk, as fast as it goes. `rate`: h2load at a fixed rate. `idle`: memory of idle client connections. */
  readonly kind: "cpu" | "rate" | "idle";
  readonly path: string;
  readonly connections: number;
  readonly isPost: boolean;
  /** Whether the client opens a connection for each request. */
  readonly isClosing: boolean;
  /** Requests per second over all connections; `rate` cases only. */
  readonly rate?: number;
  /** Our CPU per request divided by HAProxy's (that of the second variant by that of the first) must not be above this. */
  readonly ratioMax?: number;
  /** Ours is compared with itself in these configurations, instead of with other programs. */
  readonly variants?: readonly VariantName[];
}

const get = { kind: "cpu", connections: 64, isPost: false, isClosing: false } as const;

/** The table of wanted figures stands here and nowhere else. */
export const cases: readonly BenchCase[] = [
  { ...get, name: "keepalive-125", title: "64 keep-alive connections, 125-byte JSON", path: "/125", ratioMax: 1 },
  {
    ...get,
    name: "newconn-125",
    title: "a new connection per request, 125-byte JSON",
    path: "/125",
    isClosing: true,
    ratioMax: 1,
  },
  { ...get, name: "keepalive-4k", title: "4 KiB responses", path: "/4k", ratioMax: 1 },
  { ...get, name: "keepalive-64k", title: "64 KiB responses", path: "/64k", ratioMax: 1 },
  { ...get, name: "download-1m", title: "1 MiB responses", path: "/1m", connections: 16, ratioMax: 1.1 },
  { ...get, name: "post-4k", title: "POST of 4 KiB", path: "/post", isPost: true, ratioMax: 1.05 },
  // About half of what one core of HAProxy can do. Caddy and Node cannot: their rows say what they reached.
  {
    ...get,
    kind: "rate",
    name: "rate-125",
    title: "latency at 25 000 requests/s, 125-byte JSON",
    path: "/125",
    rate: 25_000,
  },
  {
    ...get,
    name: "pools-1000",
    title: "1 000 pools of 10 endpoints against one",
    path: "/125",
    ratioMax: 1.05,
    variants: ["one-pool", "many-pools", "many-pools-checked"],
  },
  { ...get, kind: "idle", name: "idle-9000", title: "9 000 idle client connections", path: "/125", connections: 9_000 },
];

/** Limits of the `idle` case. */
export const idleRssBytesMax = 2 * 1024;
export const workerRssBytesMax = 60 * 1024 * 1024;

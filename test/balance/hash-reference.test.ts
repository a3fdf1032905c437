import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { hashText } from "../../src/core/balance/hash.ts";
import { Hashed } from "../../src/core/balance/hashed.ts";
import { pointsPerWeight } from "../../src/core/balance/ring.ts";
import { RunningAttempts } from "../../src/core/balance/running-attempts.ts";

/**
 * Which endpoint a key belongs to is a promise between all workers, nodes and versions. It is held three times: by the
 * program, by the slow text-book version below, and by a file. UPDATE_GOLDEN=1 writes the file anew from the slow version;
 * a change in it means that every cache behind every balancer starts cold.
 */
const file = new URL("../golden/balance/hash-picks.txt", import.meta.url);

const mask = 0xffffffffn;

/** FNV-1a and the finalizer of MurmurHash3, as their authors give them. */
function naiveHash(text: string): bigint {
  let hash = 2166136261n;
  for (const byte of new TextEncoder().encode(text)) hash = ((hash ^ BigInt(byte)) * 16777619n) & mask;
  hash = ((hash ^ (hash >> 16n)) * 0x85ebca6bn) & mask;
  hash = ((hash ^ (hash >> 13n)) * 0xc2b2ae35n) & mask;
  return hash ^ (hash >> 16n);
}

interface Member {
  readonly name: string;
  readonly weight: number;
}

interface NaivePoint {
  readonly at: bigint;
  readonly name: string;
  readonly order: number;
}

function naiveRing(pool: readonly Member[]): readonly NaivePoint[] {
  const weightSum = pool.reduce((sum, { weight }) => sum + weight, 0);
  const each = Math.min(160, Math.max(16, Math.round(65536 / pool.length)));
  const points = pool.flatMap(({ name, weight }, order) => {
    const count = Math.min(4096, Math.max(1, Math.round((weight * each * pool.length) / weightSum)));
    return Array.from({ length: count }, (_, number) => ({ at: naiveHash(`${name}#${number}`), name, order }));
  });
  return points.sort((a, b) => Number(a.at - b.at) || a.order - b.order);
}

function naivePick(ring: readonly NaivePoint[], key: string, down: string | undefined): string | undefined {
  const place = naiveHash(key);
  const isUp = ({ name }: NaivePoint): boolean => name !== down;
  return (ring.find((point) => point.at >= place && isUp(point)) ?? ring.find(isUp))?.name;
}

const even = (count: number): Member[] =>
  Array.from({ length: count }, (_, index) => ({ name: `10.77.0.${index + 1}:8080`, weight: 1 }));

const pools: Readonly<Record<string, readonly Member[]>> = {
  three: even(3),
  weighted: [
    { name: "blue", weight: 1 },
    { name: "green", weight: 2 },
    { name: "[2001:db8::1]:443", weight: 5 },
    { name: "heavy", weight: 8 },
  ],
  large: even(500),
};

const keys = Array.from({ length: 60 }, (_, index) => `tenant-${index}`);

function record(): string {
  return Object.entries(pools)
    .flatMap(([title, pool]) => {
      const ring = naiveRing(pool);
      const down = pool[1]!.name;
      return keys.map((key) => `${title} ${key} ${naivePick(ring, key, undefined)} ${naivePick(ring, key, down)}`);
    })
    .map((line) => `${line}\n`)
    .join("");
}

function pickerOf(pool: readonly Member[], down: string | undefined): (key: string) => string {
  const ready = pool.filter(({ name }) => name !== down);
  const perWeight = pointsPerWeight(
    pool.length,
    pool.reduce((sum, { weight }) => sum + weight, 0),
  );
  const running = new RunningAttempts([new Float64Array(ready.length)], [...ready.keys()]);
  const balancer = new Hashed(ready, { perWeight, running, isBounded: true, start: 0 });
  return (key) => ready[balancer.pick(hashText(key), 0)]!.name;
}

const header = "# pool, key, its endpoint, its endpoint while the second one of the pool is DOWN\n";

describe("picks by hash", () => {
  test("the recorded picks are those of the text-book version", () => {
    const text = header + record();
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(file, text);
    expect(text).toBe(readFileSync(file, "utf8"));
  });

  const lines = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(" "));
  test("there are as many recorded picks as keys", () => {
    expect(lines.length).toBe(Object.keys(pools).length * keys.length);
  });

  for (const [title, pool] of Object.entries(pools)) {
    test(`the program picks what is recorded: ${title}`, () => {
      const [whole, without] = [pickerOf(pool, undefined), pickerOf(pool, pool[1]!.name)];
      for (const [, key = "", all, rest] of lines.filter(([name]) => name === title))
        expect([key, whole(key), without(key)]).toEqual([key, all ?? "", rest ?? ""]);
    });
  }
});

import { expect, test } from "bun:test";
import type { Config } from "../model/config.ts";
import type { OverrideChange } from "../model/override.ts";
import type { OsResult } from "../platform/ports.ts";
import { Overrides } from "./overrides.ts";

const config = {
  process: { data: "/data" },
  admin: { socket: "/run/a.sock" },
  pools: [{ name: "app", endpoints: [{ name: "b1" }, { name: "b2" }] }],
} as unknown as Config;

/** A disk with one folder, which may be full. */
function world() {
  const disk = new Map<string, string>();
  const lines: string[] = [];
  const state = { isFull: false };
  const full = { ok: false, code: "ENOSPC", text: "no space left" } as const;
  const done: OsResult<undefined> = { ok: true, value: undefined };
  const overrides = () =>
    new Overrides(
      config,
      {
        files: {
          readText(path) {
            const text = disk.get(path);
            return text === undefined ? { ok: false, code: "ENOENT", text: "no such file" } : { ok: true, value: text };
          },
          replaceText(path, text) {
            if (state.isFull) return full;
            disk.set(path, text);
            return done;
          },
          makeFolder: () => done,
        },
        clock: { wallMs: () => 77 },
      },
      (level, code, text) => void lines.push(`${level} ${code}: ${text}`),
    );
  return { disk, lines, state, overrides };
}

function ask(change: OverrideChange, endpoint = "b1") {
  return { pool: "app", endpoint, change, actor: "anna", reason: "new disk" };
}
const maint = { kind: "state", state: "maint" } as const;
const ready = { kind: "state", state: "ready" } as const;

test("state and weight stand beside each other and are taken back one by one", () => {
  const overrides = world().overrides();
  const state = { value: "maint", actor: "anna", reason: "new disk", sinceAt: 77 } as const;
  expect(overrides.set(ask(maint))).toEqual({ override: { state } });
  const weight = { ...state, value: 5 };
  expect(overrides.set(ask({ kind: "weight", weight: 5 }))).toEqual({ override: { state, weight } });
  expect(overrides.of("app").get("b1")).toEqual({ state, weight });
  expect(overrides.set(ask(ready))).toEqual({ override: { weight } });
  expect(overrides.set(ask({ kind: "weight", weight: null }))).toEqual({});
  expect([...overrides.of("app")]).toEqual([]);
});

test("the next run of the instance finds them", () => {
  const { overrides, lines } = world();
  const first = overrides();
  first.set(ask(maint));
  first.set(ask({ kind: "weight", weight: 0 }, "b2"));
  const second = overrides();
  second.load();
  expect([...second.of("app")]).toEqual([...first.of("app")]);
  expect(lines).toEqual([
    "info override-kept: app/b1 keeps MAINT by anna: new disk",
    "info override-kept: app/b2 keeps weight 0 by anna: new disk",
  ]);
});

test("on a full disk they hold, whoever asked is told, and the file stays as it was", () => {
  const { overrides, state, disk } = world();
  const first = overrides();
  first.set(ask(maint));
  const before = [...disk];
  state.isFull = true;
  const { override, notSaved } = first.set(ask(maint, "b2"));
  expect(override?.state?.value).toBe("maint");
  expect(notSaved).toMatch(/^overrides \/data\/overrides-[0-9a-f]+\.json: no space left; they hold until/);
  expect(first.of("app").size).toBe(2);
  expect([...disk]).toEqual(before);
});

for (const text of [
  "",
  "{",
  "null",
  '{"version":2,"overrides":[]}',
  '{"version":1,"overrides":[null]}',
  '{"version":1,"overrides":[{"pool":"app","endpoint":"b1","state":{"value":"up","actor":"a","sinceAt":1}}]}',
  '{"version":1,"overrides":[{"pool":"app","endpoint":"b1","weight":{"value":257,"actor":"a","sinceAt":1}}]}',
  '{"version":1,"overrides":[{"pool":"app","endpoint":"b1","weight":{"value":1,"actor":"\\u001b[2J","sinceAt":1}}]}',
]) {
  test(`a broken file is said and not used: ${text.slice(0, 90)}`, () => {
    const { overrides, disk, lines } = world();
    overrides().set(ask(maint));
    const [path] = [...disk.keys()];
    disk.set(path!, text); // the line above wrote one
    const next = overrides();
    next.load();
    expect(next.of("app").size).toBe(0);
    expect(lines).toEqual([`error overrides-unreadable: overrides ${path}: broken; starting without them`]);
  });
}

test("an endpoint that left the configuration takes its override with it", () => {
  const { overrides, lines } = world();
  const first = overrides();
  first.set(ask(maint));
  first.set(ask(maint, "b2"));
  const [pool] = config.pools;
  first.keepOnly({ ...config, pools: [{ ...pool!, endpoints: [pool!.endpoints[1]!] }] });
  expect([...first.of("app").keys()]).toEqual(["b2"]);
  expect(lines).toEqual(["warn override-dropped: overrides of endpoints that are not configured any more: app/b1"]);
  const second = overrides();
  second.load();
  expect([...second.of("app").keys()]).toEqual(["b2"]);
});

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { needs } from "../support/needs.ts";
import { scratchFolder } from "../support/scratch.ts";
import { missingFeatures } from "./features.ts";
import { lineOf } from "./report.ts";
import { type Row, rows } from "./rows.ts";
import { runRow } from "./run-row.ts";
import { openScene, type OpenScene } from "./scene.ts";

// The failure table in its short form, ours only; `npm run faults` has the whole one.
setDefaultTimeout(60_000);

const machine = needs({ commands: ["ip", "nft"], root: true });
const missing = machine.missing ? new Map() : lookForFeatures();
let scene: OpenScene;

function lookForFeatures(): ReturnType<typeof missingFeatures> {
  const scratch = scratchFolder("features");
  try {
    return missingFeatures(scratch.path);
  } finally {
    scratch.remove();
  }
}

/** Each bad answer once: with a check that passes it is the harder row. */
const chosen = rows.filter(
  ({ name }) => name !== "nothing" && !rows.some((other) => other.name === `${name}-unchecked` && !isMissing(other)),
);

function isMissing(row: Row): boolean {
  return row.needs !== undefined && missing.has(row.needs);
}

describe("failure table", () => {
  beforeAll(async () => {
    if (!machine.missing) scene = await openScene();
  });
  afterAll(() => (machine.missing ? undefined : scene.close()));

  for (const row of chosen) {
    const subject = row.subjects.includes("ours") ? "ours" : "ours-default";
    const lacks = row.needs === undefined ? undefined : (missing.get(row.needs) as string | undefined);
    const name = machine.name(lacks === undefined ? row.title : `${row.title} (needs more: ${lacks})`);
    test.skipIf(machine.missing || lacks !== undefined)(name, async () => {
      let result = await runRow(scene, row, subject, true);
      console.log(lineOf(result));
      // Other work on the machine can make a time too long (npm run faults is for a quiet one), but nothing fails of it.
      if (result.misses.length > 0 && result.misses.every((one) => one.kind === "time")) {
        result = await runRow(scene, row, subject, true);
        console.log(lineOf(result));
      }
      expect(result.misses).toEqual([]);
      // A row without traffic would show nothing.
      expect(result.outcome.gets).toBeGreaterThan(300);
      expect(result.outcome.posts).toBeGreaterThan(30);
    });
  }
});

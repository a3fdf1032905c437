import { describe, expect, test } from "bun:test";
import { compare } from "./compare.ts";
import { explain } from "./explain.ts";
import { knownDifferences } from "./known-differences.ts";
import { Llhttp } from "./llhttp.ts";
import { fuzz, showUnexplained } from "./session.ts";

const seconds = Number(process.env["FUZZ_SECONDS"] ?? 30);
/** The same inputs every time: a gate must not fail by luck. Fresh ones by command: test/fuzz/run.ts --seed. */
const seed = Number(process.env["FUZZ_SEED"] ?? 1);

describe("every known difference from llhttp is still one, and explained by its own rule", () => {
  const llhttp = new Llhttp();
  for (const rule of knownDifferences) {
    test(rule.id, () => {
      const { kind, text, isHead } = rule.example;
      const disagreement = compare(llhttp, {
        kind,
        isHead: isHead ?? false,
        bytes: Buffer.from(text, "latin1"),
      });
      expect(disagreement).toBeDefined();
      expect(explain(disagreement!)?.id).toBe(rule.id);
    });
  }
});

test(
  `our parser and llhttp read ${seconds} s of generated messages the same (seed ${seed})`,
  async () => {
    const result = await fuzz({ seconds, seed });
    expect(result.unexplained.map(showUnexplained)).toEqual([]);
    // A generator that is refused everywhere would agree about everything: most inputs must be told apart, and some
    // three thousand per second is a tenth of what a slow machine does.
    expect(result.inputs).toBeGreaterThan(seconds * 3000);
    expect(result.explained.size).toBeGreaterThan(20);
  },
  { timeout: seconds * 1000 + 20_000 },
);

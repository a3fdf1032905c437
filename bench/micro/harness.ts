import { summarize, type Summary } from "../load/statistics.ts";

/**
 * Times small pieces of code: `bin/bun bench/micro/NAME.ts`. Variants take turns, so that a slower moment of the machine
 * hits all of them; each result is used, so that no variant is optimised away.
 */
export interface Variant {
  readonly name: string;
  /** Does the work once. `turn` counts up, for picking one of several inputs. What it returns is added up. */
  readonly run: (turn: number) => number;
}

export interface MicroOptions {
  /** Turns of each variant. Default 15. */
  readonly rounds?: number;
  /** Length of a turn in milliseconds. Default 40. */
  readonly turnMs?: number;
}

export interface MicroResult {
  readonly name: string;
  /** Nanoseconds for one `run`. */
  readonly ns: Summary;
  /** Sum of what `run` returned over as many turns as the first variant's batch had; equal where variants agree. */
  readonly checksum: number;
}

const warmUpMs = 100;

/** Measures the variants and prints a line for each, with the ratio to the first. */
export function compare(title: string, variants: readonly Variant[], options: MicroOptions = {}): MicroResult[] {
  const results = measure(variants, options);
  const first = results[0];
  console.log(title);
  for (const result of results) {
    const { median, min, max } = result.ns;
    const ratio = first === undefined ? Number.NaN : median / first.ns.median;
    console.log(
      `  ${result.name.padEnd(36)} ${median.toFixed(1).padStart(9)} ns (${min.toFixed(1)}–${max.toFixed(1)})  × ${ratio.toFixed(2)}`,
    );
  }
  return results;
}

/** The same without printing. */
export function measure(variants: readonly Variant[], options: MicroOptions = {}): MicroResult[] {
  const { rounds = 15, turnMs = 40 } = options;
  const counts = variants.map((variant) => calibrate(variant, turnMs));
  const checkTurns = counts[0] ?? 0;
  const checksums = variants.map((variant) => runMany(variant, checkTurns));
  const samples = variants.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    variants.forEach((variant, index) => {
      const count = counts[index] ?? 1;
      const startNs = Bun.nanoseconds();
      used += runMany(variant, count);
      samples[index]?.push((Bun.nanoseconds() - startNs) / count);
    });
  }
  return variants.map(({ name }, index) => ({
    name,
    ns: summarize(samples[index] ?? []),
    checksum: checksums[index] ?? Number.NaN,
  }));
}

/** Warms a variant up, and finds how often it runs within a turn. */
function calibrate(variant: Variant, turnMs: number): number {
  let count = 1;
  let spentMs = 0;
  for (;;) {
    const startNs = Bun.nanoseconds();
    used += runMany(variant, count);
    const tookMs = (Bun.nanoseconds() - startNs) / 1e6;
    spentMs += tookMs;
    if (spentMs > warmUpMs && tookMs > turnMs / 4) return Math.max(1, Math.round((count * turnMs) / tookMs));
    if (tookMs < turnMs) count *= 2;
  }
}

function runMany(variant: Variant, count: number): number {
  let sum = 0;
  for (let turn = 0; turn < count; turn++) sum += variant.run(turn);
  return sum;
}

/** Kept where the compiler cannot see that nobody reads it. */
let used = 0;
export function sumOfEverything(): number {
  return used;
}

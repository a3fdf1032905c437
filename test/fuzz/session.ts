import { type Disagreement, compare } from "./compare.ts";
import { generate } from "./generate.ts";
import { explain } from "./explain.ts";
import { Llhttp } from "./llhttp.ts";

export interface SessionResult {
  readonly inputs: number;
  readonly agreed: number;
  /** How often each known difference was met. */
  readonly explained: ReadonlyMap<string, number>;
  readonly unexplained: readonly { readonly seed: number; readonly disagreement: Disagreement }[];
}

/** Inputs between two looks at the clock, and between two turns of the event loop. */
const batch = 2000;
/** A broken build disagrees about everything: the first ones are enough. */
const unexplainedMax = 20;

/**
 * Compares input after input until the time is over. Input number n has seed `seed + n`, so that a failure is reproduced
 * by its own seed alone.
 */
export async function fuzz(options: { readonly seconds: number; readonly seed: number }): Promise<SessionResult> {
  const llhttp = new Llhttp();
  const explained = new Map<string, number>();
  const unexplained: { seed: number; disagreement: Disagreement }[] = [];
  const end = performance.now() + options.seconds * 1000;
  let inputs = 0;
  let agreed = 0;
  while (performance.now() < end && unexplained.length < unexplainedMax) {
    for (let count = 0; count < batch; count++) {
      const seed = options.seed + inputs++;
      const disagreement = compare(llhttp, generate(seed));
      if (disagreement === undefined) {
        agreed += 1;
        continue;
      }
      const rule = explain(disagreement);
      if (rule === undefined) unexplained.push({ seed, disagreement });
      else explained.set(rule.id, (explained.get(rule.id) ?? 0) + 1);
    }
    await Bun.sleep(0);
  }
  return { inputs, agreed, explained, unexplained };
}

/** A failure as people need it: the seed, the input, and both readings. */
export function showUnexplained({ seed, disagreement }: SessionResult["unexplained"][number]): string {
  const { input, what, kind } = disagreement;
  return `seed ${seed}: ${kind}: ${what}\n  ${input.kind}${input.isHead ? " to HEAD" : ""}: ${JSON.stringify(input.bytes.toString("latin1"))}`;
}

import type { Disagreement } from "./compare.ts";
import { type KnownDifference, knownDifferences } from "./known-differences.ts";

/** A disagreement with the text around it. */
export interface Seen {
  readonly disagreement: Disagreement;
  /** The whole input. */
  readonly text: string;
  /** From the message that we refused, did not finish or did not read any more. */
  readonly rest: string;
  /** Head of that message, without its empty line; the whole rest where it has no end. */
  readonly head: string;
  /** First line of that head, empty lines before it left out. */
  readonly firstLine: string;
}

/** The rule that explains it, if any. */
export function explain(disagreement: Disagreement): KnownDifference | undefined {
  const text = disagreement.input.bytes.toString("latin1");
  const rest = text.slice(disagreement.ours.stoppedAt);
  const withoutEmptyLines = rest.replace(/^(?:\r\n)+/, "");
  const head = withoutEmptyLines.split("\r\n\r\n")[0] ?? "";
  const seen: Seen = { disagreement, text, rest, head, firstLine: head.split("\r\n")[0] ?? "" };
  return knownDifferences.find(
    (rule) =>
      rule.kind === disagreement.kind &&
      (rule.codes === undefined || rule.codes.includes(disagreement.code)) &&
      rule.fits(seen),
  );
}

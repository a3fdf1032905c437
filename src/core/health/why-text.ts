import { formatDuration } from "../../lib/units.ts";
import { type TroubleCounts, TroubleSign } from "../../model/link.ts";
import type { Override, OverrideState } from "../../model/override.ts";
import { type CheckView, HealthWhy } from "../../model/status.ts";
import type { Ejected } from "./ejection.ts";

/** What a reason's text is made of, beside the reason. */
export interface WhyEvidence {
  /** Checks that failed in a row. */
  readonly failures: number;
  readonly lastCheck?: CheckView | undefined;
  readonly ejected?: Ejected | undefined;
  readonly override?: Override<OverrideState> | undefined;
}

/** One short phrase for people: `3 checks failed: connect refused`. */
export function whyText(why: HealthWhy, { failures, lastCheck, ejected, override }: WhyEvidence): string {
  switch (why) {
    case HealthWhy.Unchecked:
      return "not checked";
    case HealthWhy.Initial:
      return lastCheck === undefined ? "no check has finished yet" : failing("initial state", failures, lastCheck);
    case HealthWhy.Rise:
      return failing("checks pass", failures, lastCheck);
    case HealthWhy.Fall:
      if (lastCheck?.isOk === true) return `rising: ${lastCheck.evidence}`;
      return `${count(failures)} failed${because(lastCheck)}`;
    case HealthWhy.Unresolved:
      return "the host name does not resolve";
    case HealthWhy.Ejected:
      return ejected === undefined
        ? "ejected"
        : `ejected for ${formatDuration(ejected.durationMs)} at least: ${countsText(ejected.counts)}`;
    case HealthWhy.Asked:
      return `asks to be drained: ${lastCheck?.evidence ?? ""}`;
    case HealthWhy.Override:
      return override === undefined ? "override" : overrideText(override);
    default:
      return why satisfies never;
  }
}

function failing(text: string, failures: number, lastCheck: CheckView | undefined): string {
  if (failures === 0) return text;
  return `${text}, but the last ${failures === 1 ? "check" : count(failures)} failed${because(lastCheck)}`;
}

/** `by anna: new disk` */
export function overrideText({ actor, reason }: Pick<Override<unknown>, "actor" | "reason">): string {
  return reason === undefined ? `by ${actor}` : `by ${actor}: ${reason}`;
}

const signTexts: readonly (readonly [TroubleSign, string])[] = [
  [TroubleSign.Connect, "failed connect"],
  [TroubleSign.Reset, "reset"],
  [TroubleSign.Timeout, "timeout"],
  [TroubleSign.BadResponse, "bad response"],
  [TroubleSign.Status5xx, "status 5xx"],
];

/** `2 resets, 1 timeout` */
function countsText(counts: TroubleCounts): string {
  return signTexts
    .filter(([sign]) => counts[sign] > 0)
    .map(([sign, text]) => `${counts[sign]} ${text}${counts[sign] === 1 || text.endsWith("5xx") ? "" : "s"}`)
    .join(", ");
}

function count(checks: number): string {
  return checks === 1 ? "1 check" : `${checks} checks`;
}

function because(lastCheck: CheckView | undefined): string {
  return lastCheck === undefined ? "" : `: ${lastCheck.evidence}`;
}

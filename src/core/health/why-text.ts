import { type CheckView, HealthWhy } from "../../model/status.ts";

/** One short phrase for people: `3 checks failed: connect refused`. `failures` are those in a row. */
export function whyText(why: HealthWhy, failures: number, lastCheck: CheckView | undefined): string {
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
      return "ejected after failed exchanges";
    case HealthWhy.Override:
      return "set by an operator";
    default:
      return why satisfies never;
  }
}

function failing(text: string, failures: number, lastCheck: CheckView | undefined): string {
  if (failures === 0) return text;
  return `${text}, but the last ${failures === 1 ? "check" : count(failures)} failed${because(lastCheck)}`;
}

function count(checks: number): string {
  return checks === 1 ? "1 check" : `${checks} checks`;
}

function because(lastCheck: CheckView | undefined): string {
  return lastCheck === undefined ? "" : `: ${lastCheck.evidence}`;
}

import { type Generated } from "./generate.ts";
import { type Llhttp, type LlhttpMessage, type LlhttpResult } from "./llhttp.ts";
import { type OurMessage, type OurResult, readOurs } from "./ours.ts";

/** What the two parsers said about one input, where it is not the same. */
export interface Disagreement {
  readonly input: Generated;
  readonly ours: OurResult;
  readonly theirs: LlhttpResult;
  readonly kind: DisagreementKind;
  /** What differs, for people; and the code that a rule looks for: our refusal or their error. */
  readonly what: string;
  readonly code: string;
}

/** `message`: both accept, and understand something different: the dangerous kind. */
export type DisagreementKind = "we refuse" | "they refuse" | "message";

/**
 * Compares accept or refuse, the number of messages, and of each its first line, header list, body bytes and whether it
 * is complete. Where both refuse, the messages before that are compared; which of several faults is named may differ.
 */
export function compare(llhttp: Llhttp, input: Generated): Disagreement | undefined {
  const ours = readOurs(input.bytes, input);
  const theirs = llhttp.read(input.bytes, input);
  const base = { input, ours, theirs };
  const theirVerdict = verdictOf(theirs);
  const shared = Math.min(completeCount(ours.messages), completeCount(theirs.messages));
  for (let at = 0; at < shared; at++) {
    const what = messageDifference(ours.messages[at]!, theirs.messages[at]!, input.kind);
    if (what !== undefined)
      return {
        ...base,
        kind: "message",
        what: `message ${at}: ${what}`,
        code: what.split(" ")[0] ?? "",
      };
  }
  if (ours.refused !== undefined) {
    if (theirVerdict === "refused") return undefined;
    return {
      ...base,
      kind: "we refuse",
      what: `we refuse (${ours.refused}), they ${theirVerdict}`,
      code: ours.refused,
    };
  }
  if (theirVerdict === "refused") {
    return {
      ...base,
      kind: "they refuse",
      what: `they refuse (${theirs.error}: ${theirs.reason})`,
      code: theirs.error ?? "",
    };
  }
  const counts = [completeCount(ours.messages), completeCount(theirs.messages)];
  if (counts[0] !== counts[1])
    return {
      ...base,
      kind: "message",
      what: `we see ${counts[0]} complete messages, they ${counts[1]}`,
      code: "count",
    };
  if (ours.isUnfinished !== (theirVerdict === "unfinished")) {
    return {
      ...base,
      kind: "message",
      what: `unfinished: we ${ours.isUnfinished}, they ${theirVerdict}`,
      code: "unfinished",
    };
  }
  return undefined;
}

/**
 * llhttp reports an end inside a message as an error, and bytes behind a message that closes as another: neither is a
 * refusal of what was read.
 */
export function verdictOf(theirs: LlhttpResult): "accepted" | "unfinished" | "refused" {
  if (theirs.error === undefined || theirs.error === "HPE_CLOSED_CONNECTION") return "accepted";
  return theirs.error === "HPE_INVALID_EOF_STATE" ? "unfinished" : "refused";
}

function completeCount(messages: readonly { readonly isComplete: boolean }[]): number {
  return messages.filter((message) => message.isComplete).length;
}

function messageDifference(ours: OurMessage, theirs: LlhttpMessage, kind: Generated["kind"]): string | undefined {
  if (kind === "request" && ours.method !== theirs.method) return `method ${ours.method} / ${theirs.method}`;
  if (kind === "request" && ours.target !== theirs.target) return `target ${ours.target} / ${theirs.target}`;
  if (kind === "response" && ours.status !== theirs.status) return `status ${ours.status} / ${theirs.status}`;
  if (theirs.major !== 1 || ours.minor !== theirs.minor)
    return `version 1.${ours.minor} / ${theirs.major}.${theirs.minor}`;
  if (ours.body !== theirs.body) return `body ${JSON.stringify(ours.body)} / ${JSON.stringify(theirs.body)}`;
  for (const [at, [name, value]] of ours.headers.entries()) {
    const [theirName, theirValue] = theirs.headers[at] ?? ["", ""];
    // White space at a value's end is not part of it (RFC 9112 section 5); llhttp hands it over and lets its user cut.
    if (name !== theirName || value !== theirValue.replace(/[ \t]+$/, "")) {
      return `header ${name}: ${value} / ${theirName}: ${theirValue}`;
    }
  }
  return undefined;
}

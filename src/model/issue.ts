/**
 * Something about a configuration that its author should know. Errors keep it from being used, warnings do not. Tests
 * and programs go by `code`; the text may change.
 */
export interface Issue {
  readonly severity: "error" | "warning";
  readonly code: IssueCode;
  /** Where in the configuration, such as `pools.app.endpoints[1].weight`; empty for the file as a whole. */
  readonly path: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  /** What was expected and what was found, without the path. */
  readonly message: string;
  /** What to write instead, where that can be guessed. */
  readonly hint?: string;
}

export const IssueCode = {
  /** The file cannot be read, is empty, too large or no text. */
  File: "file",
  /** Not well-formed YAML. */
  Syntax: "syntax",
  DuplicateKey: "duplicate-key",
  UnknownKey: "unknown-key",
  MissingKey: "missing-key",
  /** Wrong type, form or range. */
  BadValue: "bad-value",
  /** A key or value that a later version will have. */
  NotYet: "not-yet",
  UnknownPool: "unknown-pool",
  /** A combination of valid values that contradict each other. */
  Conflict: "conflict",
  /** More listeners or endpoints than one node holds. */
  TooMany: "too-many",
  /** Valid, but it cannot do anything. */
  Useless: "useless",
} as const;
export type IssueCode = (typeof IssueCode)[keyof typeof IssueCode];

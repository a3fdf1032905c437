import * as z from "zod";
import type { Config } from "../../model/config.ts";
import { IssueCode } from "../../model/issue.ts";
import type { Issue } from "../../model/issue.ts";
import { toConfig } from "./convert.ts";
import type { Defaults } from "./convert.ts";
import { readDocument } from "./document.ts";
import type { SourceDocument } from "./document.ts";
import { readPlainYaml } from "./plain-yaml.ts";
import { checkRules } from "./rules.ts";
import type { Draft, Parts } from "./rules.ts";
import { configSchema } from "./schema.ts";
import { explainSchemaIssues, valueAt } from "./schema-issues.ts";
import type { Finding } from "./schema-issues.ts";
import { listenerSchema } from "./schema-listener.ts";
import { poolSchema } from "./schema-pool.ts";
import { alternatives, elementOf, pathText } from "./schema-walk.ts";
import type { AnySchema } from "./schema-walk.ts";

export interface ParseOptions {
  /** Name of the file in issues. */
  readonly file: string;
  /** For `admin.socket`, `process.data` and `process.user` where the file says nothing: what suits an unprivileged start. */
  readonly defaults?: Defaults;
}

export interface ParseResult {
  /** Absent where there is an error among the issues. */
  readonly config: Config | undefined;
  /** Errors and warnings in the order of the file. */
  readonly issues: readonly Issue[];
}

/** UTF-16 units. 16 384 endpoints with a name and a weight each are 1.3 million. */
const textMax = 4 * 1024 * 1024;
const issuesMax = 1000;

/** Reads, checks and completes a configuration. Never throws: whatever is wrong with the text becomes issues, all of them. */
export function parseConfig(text: string, options: ParseOptions): ParseResult {
  const { file, defaults = {} } = options;
  const refusal = refuseText(text);
  if (refusal !== undefined)
    return {
      config: undefined,
      issues: [
        {
          severity: "error",
          code: IssueCode.File,
          path: "",
          file,
          line: 1,
          column: 1,
          message: refusal,
        },
      ],
    };

  const body = text.startsWith("\ufeff") ? text.slice(1) : text;
  const plain = readPlainYaml(body);
  if (plain !== undefined) {
    // Positions cost twenty times what reading costs: only a file with something to say about needs them.
    const { input, findings } = check(plain);
    if (input !== undefined && findings.length === 0) return { config: toConfig(input, defaults), issues: [] };
  }

  const document = readDocument(body);
  const issues: Issue[] = document.problems.map(({ path, ...problem }) => ({
    severity: "error",
    file,
    path: pathText(path),
    ...problem,
  }));
  if (!document.isTree) return { config: undefined, issues };
  const { input, findings } = check(document.value);
  for (const finding of findings) issues.push(toIssue(finding, document, file));
  issues.sort((a, b) => a.line - b.line || a.column - b.column);
  const isValid = input !== undefined && issues.every(({ severity }) => severity === "warning");
  if (issues.length > issuesMax) {
    const rest: Issue = {
      severity: "error",
      code: IssueCode.File,
      path: "",
      file,
      line: 1,
      column: 1,
      message: `${issues.length - issuesMax} more issues are not shown`,
    };
    return { config: undefined, issues: [...issues.slice(0, issuesMax), rest] };
  }
  return { config: isValid ? toConfig(input, defaults) : undefined, issues };
}

/** Why `text` is no configuration file at all. */
function refuseText(text: string): string | undefined {
  if (text.length > textMax) return `the file is too large: ${text.length} characters, at most ${textMax} are read`;
  if (text.includes("\0")) return "this is a binary file, no YAML";
  if (text.includes("\ufffd")) return "the file is not UTF-8 text";
  return text.trim() === "" || text === "\ufeff" ? "the file is empty" : undefined;
}

interface Checked {
  readonly input: z.output<typeof configSchema> | undefined;
  readonly findings: readonly Finding[];
}

function check(value: unknown): Checked {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return {
      input: undefined,
      findings: [
        {
          severity: "error",
          code: IssueCode.BadValue,
          path: [],
          part: "value",
          message: "expected a map with version, listeners and pools",
        },
      ],
    };
  }
  const parsed = configSchema.safeParse(value);
  if (parsed.success) {
    const { listeners, pools, admin } = parsed.data;
    const draft = {
      raw: value,
      listeners: new Map(Object.entries(listeners)),
      pools: new Map(Object.entries(pools)),
      admin,
    };
    return { input: parsed.data, findings: checkRules(draft) };
  }
  return {
    input: undefined,
    findings: [...explainSchemaIssues(configSchema, value, parsed.error.issues), ...checkRules(draftOf(value))],
  };
}

/** What can be understood of a file with mistakes, key by key, so that the rules find theirs in the same run. */
function draftOf(value: object): Draft {
  const admin = configSchema.shape.admin.safeParse(valueAt(value, ["admin"]));
  return {
    raw: value,
    listeners: partsOf<typeof listenerSchema>(valueAt(value, ["listeners"]), listenerSchema),
    pools: partsOf<typeof poolSchema>(valueAt(value, ["pools"]), poolSchema),
    admin: admin.success ? admin.data : undefined,
  };
}

function partsOf<T extends z.ZodObject>(section: unknown, schema: T): Map<string, Parts<z.output<T>>> {
  const parts = new Map<string, Parts<z.output<T>>>();
  if (typeof section !== "object" || section === null || Array.isArray(section)) return parts;
  for (const [name, raw] of Object.entries(section)) {
    const part: Record<string, unknown> = {};
    for (const [key, inner] of Object.entries(schema.shape)) part[key] = partOf(valueAt(raw, [key]), inner);
    parts.set(name, part as Parts<z.output<T>>);
  }
  return parts;
}

/** The valid form of a value; of a list with mistakes, that of each entry by itself. */
function partOf(raw: unknown, schema: AnySchema): unknown {
  const whole = z.safeParse(schema, raw);
  if (whole.success) return whole.data;
  const element = Array.isArray(raw)
    ? alternatives(schema)
        .map(elementOf)
        .find((each) => each !== undefined)
    : undefined;
  return element === undefined ? undefined : (raw as unknown[]).map((each) => z.safeParse(element, each).data);
}

function toIssue(
  { severity, code, path, part, message, hint }: Finding,
  document: SourceDocument,
  file: string,
): Issue {
  const issue = {
    severity,
    code,
    path: pathText(path),
    file,
    ...document.position(path, part),
    message,
  };
  return hint === undefined ? issue : { ...issue, hint };
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Ours } from "./ours.ts";
import type { Network } from "./network.ts";
import type { Origin } from "./origins.ts";

export const listenPort = 8080;

/** Who is put to the test. */
export const subjects = {
  ours: "Weichensteller",
  "ours-default": "Weichensteller, attemptTimeout off",
  deployed: "HAProxy as deployed",
  tuned: "HAProxy tuned",
  "tuned-posts": "HAProxy tuned, POST retried",
} as const;
export type SubjectName = keyof typeof subjects;

/** A running balancer in front of the endpoints. */
export interface Subject {
  readonly name: SubjectName;
  /** What only ours can do. */
  readonly ours: Ours | undefined;
  /** Settles when the reload is in force, as far as the program says. */
  reload(): Promise<void>;
  drain(endpoint: string): Promise<void>;
  /** Takes `drain` back. */
  ready(endpoint: string): Promise<void>;
  /** What it wrote. */
  output(): string;
  stop(): Promise<void>;
}

/** What a balancer is started with. */
export interface SubjectPlan {
  readonly name: SubjectName;
  readonly network: Network;
  readonly origins: readonly Origin[];
  /** A folder of its own. */
  readonly folder: string;
}

/** A configuration of `configs/` with its `{{marks}}` filled in. */
export function fillIn(file: string, values: Readonly<Record<string, string>>): string {
  const text = readFileSync(join(import.meta.dir, "configs", file), "utf8");
  return text.replace(/\{\{(\w+)\}\}/g, (_all, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${file}: nobody says what {{${name}}} is`);
    return value;
  });
}

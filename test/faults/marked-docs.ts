import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const failuresFile = join(import.meta.dir, "..", "..", "docs", "operations", "failures.md");

/** Puts text between the marks of docs/operations/failures.md; throws where they are not there. */
export function writeBetweenMarks(command: string, text: string): void {
  const whole = readFileSync(failuresFile, "utf8");
  const [start, end] = [`<!-- ${command} -->`, `<!-- end of ${command} -->`];
  const [from, to] = [whole.indexOf(start), whole.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${failuresFile} has no place for it: ${start} … ${end}`);
  writeFileSync(failuresFile, `${whole.slice(0, from + start.length)}\n\n${text}\n\n${whole.slice(to)}`);
}

/** The commit, marked where the program was changed since. */
export function commitName(): string {
  const git = (...words: string[]): string =>
    Bun.spawnSync(["git", "-C", import.meta.dir, ...words])
      .stdout.toString()
      .trim();
  const commit = git("rev-parse", "--short=12", "HEAD");
  if (commit === "") return "unknown";
  return git("status", "--porcelain", "--", "../../src", ".", "../soak") === "" ? commit : `${commit} with changes`;
}

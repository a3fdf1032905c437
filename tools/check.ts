/** `npm run check`: types, lint, format, and the walls between layers. Every step runs, so that one look shows all. */
import { join, resolve } from "node:path";

interface Step {
  readonly name: string;
  readonly args: readonly string[];
}

const root = resolve(import.meta.dir, "..");

/** oxlint, oxfmt and tsc start as scripts of Bun, so that none of them depends on which Node is installed. */
const steps: readonly Step[] = [
  { name: "types", args: [join(root, "node_modules/typescript/bin/tsc"), "--noEmit", "-p", "."] },
  {
    name: "lint",
    args: [join(root, "node_modules/oxlint/bin/oxlint"), "--type-aware", "--deny-warnings"],
  },
  { name: "format", args: [join(root, "node_modules/oxfmt/bin/oxfmt"), "--check"] },
  { name: "walls", args: ["test", "--only-failures", "./test/architecture"] },
];

const failed: string[] = [];
for (const step of steps) {
  const started = performance.now();
  const run = Bun.spawn([process.execPath, ...step.args], {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, code] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited]);
  const took = `${((performance.now() - started) / 1000).toFixed(1)} s`;
  console.log(`${code === 0 ? "ok    " : "FAILED"}  ${step.name}  ${took}`);
  if (code !== 0) {
    failed.push(step.name);
    console.log(`${out}${err}`.trimEnd());
  }
}
if (failed.includes("format")) console.log("npm run format puts the format right");
process.exitCode = failed.length > 0 ? 1 : 0;

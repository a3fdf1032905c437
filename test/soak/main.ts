/**
 * `npm run soak`: ten minutes in which endpoints flap, the configuration is reloaded and clients do what clients do; then
 * everything must be as it was. docs/operations/failures.md quotes the result. Needs no root: it runs on 127.0.0.1.
 */
import { parseArgs } from "node:util";
import { writeBetweenMarks } from "../faults/marked-docs.ts";
import { renderSoak } from "./report.ts";
import { missesOf } from "./judge.ts";
import { Soak } from "./soak.ts";

const usage = `npm run soak -- [options]
  --minutes N    how long, default 10, at least 1
  --write-docs   puts the result into docs/operations/failures.md; needs ten minutes`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { minutes: { type: "string", default: "10" }, "write-docs": { type: "boolean", default: false } },
  });
  const minutes = Number(values.minutes);
  if (!(minutes >= 1) || (values["write-docs"] && minutes < 10)) {
    console.error(usage);
    return 2;
  }
  // What is still being warmed up is no leak; a short run can only leave less out.
  const fromMinute = Math.min(2, Math.round(minutes * 4) / 10);
  const soak = new Soak();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    // Under npm it comes twice.
    process.on(name, () => void soak.close().then(() => process.exit(130)));
  }
  try {
    const result = await soak.run(minutes, (line) => console.log(line));
    const misses = [...result.misses, ...result.processes.flatMap((one) => missesOf(one, fromMinute))];
    const text = renderSoak(result, { minutes, fromMinute, misses });
    console.log(`\n${text}`);
    if (values["write-docs"]) writeBetweenMarks("figures: npm run soak -- --write-docs", text);
    return misses.length === 0 ? 0 : 1;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${soak.output()}`);
    return 1;
  } finally {
    await soak.close();
  }
}

process.exitCode = await main();

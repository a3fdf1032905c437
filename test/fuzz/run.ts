import { parseArgs } from "node:util";
import { fuzz, showUnexplained } from "./session.ts";

// bin/bun test/fuzz/run.ts --seconds 600 --seed 1
const { values } = parseArgs({
  options: { seconds: { type: "string", default: "60" }, seed: { type: "string", default: "1" } },
});
const result = await fuzz({ seconds: Number(values.seconds), seed: Number(values.seed) });
for (const [id, count] of [...result.explained].toSorted((a, b) => b[1] - a[1]))
  console.log(`${String(count).padStart(9)}  ${id}`);
console.log(
  `${result.inputs} inputs from seed ${values.seed}, ${result.agreed} read the same, ${result.unexplained.length} unexplained`,
);
for (const one of result.unexplained) console.log(showUnexplained(one));
process.exitCode = result.unexplained.length === 0 ? 0 : 1;

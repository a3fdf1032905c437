import { join } from "node:path";
import { run } from "../../../src/control/run.ts";
import type { Config } from "../../../src/model/config.ts";
import { EndpointState } from "../../../src/model/snapshot.ts";
import { HealthWhy } from "../../../src/model/status.ts";
import { linux } from "../../../src/platform/linux.ts";
import { linesOf } from "./lines.ts";

/**
 * The supervisor as in production, around the echo worker. The configuration file is a `Config` as JSON, every
 * endpoint with an address is UP, and the place of the admin API is taken by lines on standard input and output:
 * `view` answers with the StatusView.
 */
const [file, worker] = process.argv.slice(2);
process.exitCode = await run(
  {
    file: file!,
    version: "test",
    workerCommand: [process.execPath, worker ?? join(import.meta.dir, "echo-worker.ts")],
  },
  {
    platform: linux,
    parseConfig(text) {
      try {
        return { config: JSON.parse(text) as Config, lines: [] };
      } catch (error) {
        return { config: undefined, lines: [`bad file: ${String(error)}`] };
      }
    },
    createHealth() {
      let rows = new Map<number, boolean>();
      const stateOf = (isResolved: boolean) => (isResolved ? EndpointState.Up : EndpointState.Down);
      return {
        update(pools) {
          rows = new Map(pools.flatMap(({ endpoints }) => endpoints.map(({ row, ip }) => [row, ip !== undefined])));
        },
        states: () => [...rows].map(([row, isResolved]) => [row, stateOf(isResolved)]),
        trouble: () => undefined,
        override: () => [],
        view(row) {
          const isResolved = rows.get(row);
          if (isResolved === undefined) return undefined;
          return {
            state: stateOf(isResolved),
            why: HealthWhy.Unchecked,
            whyText: "test",
            sinceAt: 0,
          };
        },
        stop: () => undefined,
      };
    },
    startAdmin({ socket, view, stop }) {
      void answer(view, stop);
      return { addresses: { socket }, stop: () => Promise.resolve() };
    },
    onRunning: () => console.log("running"),
  },
);
process.exit();

async function answer(view: () => unknown, stop: (reason: string) => void): Promise<void> {
  for await (const line of linesOf(Bun.stdin.stream())) {
    if (line === "view") console.log(JSON.stringify(view()));
    if (line === "stop") stop("test");
  }
}

import { run } from "../../../src/control/run.ts";
import { startAdmin } from "../../../src/control/admin.ts";
import { Prober } from "../../../src/engine/probe/prober.ts";
import { parseWithDefaults } from "../../../src/main/check-file.ts";
import { linux } from "../../../src/platform/linux.ts";

/** The program as a release would be whose workers never start. Arguments: configuration file, launcher. */
const [file = "", launcher = ""] = process.argv.slice(2);
process.exit(
  await run(
    {
      file,
      version: "broken",
      workerCommand: ["/bin/false"],
      program: { check: [launcher, "check", "-c", file], run: [launcher, "run", "-c", file] },
    },
    {
      platform: linux,
      parseConfig: parseWithDefaults,
      createHealth: (onChange) => new Prober({ ...linux, onChange }),
      startAdmin,
    },
  ),
);

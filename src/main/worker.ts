import { createDataPlane } from "../engine/proxy/data-plane.ts";
import { parseWorkerOptions } from "../engine/worker/options.ts";
import { runWorker } from "../engine/worker/worker.ts";
import { linux } from "../platform/linux.ts";

/** Entry of a `wst-worker` process. Nothing here or below imports the configuration's schema: workers stay small. */
runWorker(parseWorkerOptions(process.argv.slice(2)), linux, createDataPlane);

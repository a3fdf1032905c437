import { clock, random, timers } from "./clock.ts";
import { descriptorChannels } from "./descriptor-channels.ts";
import { files } from "./files.ts";
import { limits } from "./limits.ts";
import { listenSockets } from "./listen-sockets.ts";
import { names } from "./names.ts";
import { errorOutput } from "./output.ts";
import type { Platform } from "./ports.ts";
import { processes } from "./processes.ts";
import { sharedMemory } from "./shared-memory.ts";

/** The real machine: Bun on Linux. Only `main/` and whole-process tests use it. */
export const linux: Platform = {
  clock,
  timers,
  random,
  files,
  listenSockets,
  descriptorChannels,
  processes,
  limits,
  sharedMemory,
  names,
  errorOutput,
};

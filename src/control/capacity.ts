import type { ProcessConfig } from "../model/config.ts";
import type { DescriptorLimit } from "../platform/ports.ts";

/** `workers: auto` stops here: more cores than that are better left to the endpoints' side and the kernel. */
const autoWorkersMax = 8;
/** Descriptors of a worker that are no connection of an exchange: listeners, link, idle connections, libraries. */
const reservedDescriptors = 512;
/** A client's connection and the one to an endpoint. */
const descriptorsPerConnection = 2;

export interface Capacity {
  readonly workers: number;
  /** Client connections that one worker may hold. */
  readonly connectionsMax: number;
  /** Absent: everything fits. */
  readonly warning?: string;
}

export function workerCount({ workers }: ProcessConfig, cores: number): number {
  return workers === "auto" ? Math.min(Math.max(cores, 1), autoWorkersMax) : workers;
}

/** Descriptors that one worker may need for the configured connections. */
export function descriptorsWanted(process: ProcessConfig, workers: number): number {
  return Math.ceil(process.connections / workers) * descriptorsPerConnection + reservedDescriptors;
}

/**
 * How many connections fit under the descriptor limit. Workers stay below it on purpose: at the limit `accept` fails
 * and the accept loop would burn a core.
 */
export function capacity(process: ProcessConfig, workers: number, limit: DescriptorLimit): Capacity {
  const wanted = Math.ceil(process.connections / workers);
  const fitting = Math.max(1, Math.floor((limit.soft - reservedDescriptors) / descriptorsPerConnection));
  if (wanted <= fitting) return { workers, connectionsMax: wanted };
  const warning =
    `the descriptor limit ${limit.soft} lets each of ${workers} workers hold ${fitting} client connections, ` +
    `process.connections asks for ${wanted}: raise the limit (LimitNOFILE, ulimit -n) to ${descriptorsWanted(process, workers)}`;
  return { workers, connectionsMax: fitting, warning };
}

import type { ProcessConfig } from "../model/config.ts";
import type { DescriptorLimit, Limits } from "../platform/ports.ts";

/** `workers: auto` stops here: more cores than that are better left to the endpoints' side and the kernel. */
const autoWorkersMax = 8;
/** Descriptors of a worker that are no connection of an exchange: listeners, link, idle connections, libraries. */
const reservedDescriptors = 512;
/** A client's connection and the one to an endpoint. */
const descriptorsPerConnection = 2;

export interface Capacity {
  readonly workers: number;
  /** Client connections that one worker's descriptors suffice for. */
  readonly workerConnectionsMax: number;
  /** Absent: the configured connections fit, evenly spread. */
  readonly warning?: string;
}

export function workerCount({ workers }: ProcessConfig, cores: number): number {
  return workers === "auto" ? Math.min(Math.max(cores, 1), autoWorkersMax) : workers;
}

/**
 * Descriptors of one worker. `most`: all connections of the node may come in through it, because workers accept from one
 * queue; `least`: its even share.
 */
export function descriptorsWanted(
  process: ProcessConfig,
  workers: number,
): { readonly most: number; readonly least: number } {
  return { most: descriptorsFor(process.connections), least: descriptorsFor(evenShare(process, workers)) };
}

/** Raises the descriptor limit as far as it is of use and allowed; says what it is then. */
export function raiseDescriptors(limits: Limits, process: ProcessConfig, workers: number): DescriptorLimit {
  const { most, least } = descriptorsWanted(process, workers);
  const raised = limits.raiseDescriptors(most);
  // Asking for more than the kernel ever allows changes nothing: the least that will do may still be granted.
  return raised.soft < least ? limits.raiseDescriptors(least) : raised;
}

/**
 * How many connections fit under the descriptor limit of a worker. Workers stay below it on purpose: at the limit
 * `accept` fails and the accept loop would burn a core. That the node holds `process.connections` at most is counted by
 * the workers together (`observe/shared-limits.ts`).
 */
export function capacity(process: ProcessConfig, workers: number, limit: DescriptorLimit): Capacity {
  const fitting = Math.max(1, Math.floor((limit.soft - reservedDescriptors) / descriptorsPerConnection));
  const wanted = evenShare(process, workers);
  const workerConnectionsMax = Math.min(fitting, process.connections);
  if (wanted <= fitting) return { workers, workerConnectionsMax };
  const warning =
    `the descriptor limit ${limit.soft} lets each of ${workers} workers hold ${fitting} client connections, ` +
    `process.connections asks for ${wanted}: raise the limit (LimitNOFILE, ulimit -n) to ${descriptorsFor(wanted)}`;
  return { workers, workerConnectionsMax, warning };
}

function evenShare({ connections }: ProcessConfig, workers: number): number {
  return Math.ceil(connections / workers);
}

function descriptorsFor(connections: number): number {
  return connections * descriptorsPerConnection + reservedDescriptors;
}

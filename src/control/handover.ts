import type { NumberedDescriptor } from "../platform/ports.ts";

/** What a supervisor leaves to the program that it becomes, beside its workers and their state file. */
export interface Handover {
  /** Descriptor of the instance's lock. */
  readonly lock: number;
  /** Listening sockets that stayed open. */
  readonly sockets: readonly NumberedDescriptor[];
}

/** Absent: there is none, and this is an ordinary start. */
export function parseHandover(text: string | undefined): Handover | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as Handover);
}

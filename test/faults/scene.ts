import { createNetwork } from "./network.ts";
import { startOrigins } from "./origins.ts";
import type { Scene } from "./run-row.ts";
import { scratchFolder } from "../support/scratch.ts";

export interface OpenScene extends Scene {
  /** Ends everything and takes everything away; may be called twice. */
  close(): Promise<void>;
}

/** Makes the machines and starts the endpoints. */
export async function openScene(): Promise<OpenScene> {
  const scratch = scratchFolder("faults");
  const network = await createNetwork();
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= network.remove().finally(() => scratch.remove()));
  try {
    const origins = await startOrigins(network, scratch.path);
    return { network, origins, folder: scratch.path, close };
  } catch (error) {
    await close();
    throw error;
  }
}

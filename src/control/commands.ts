import type { Config } from "../model/config.ts";
import type { OverrideRequest } from "../model/override.ts";
import type { AdminAddresses, StatusView } from "../model/status.ts";
import type { ChangeResult } from "./endpoint-override.ts";

/** What someone asks of a running instance. */
export interface AdminCommands {
  stop(reason: string): void;
  /** Reads the configuration file again. */
  reload(): Promise<ReloadResult>;
  /** Becomes the program as it is installed now. Where that is possible, `go` does it and does not return. */
  upgrade(): Promise<UpgradeResult>;
}

export type UpgradeResult =
  | { readonly kind: "possible"; go(): void }
  | { readonly kind: "refused"; readonly lines: readonly string[] };

/** Serves the admin API until the returned `stop`. Throws an Error whose message is fit to be printed. */
export type StartAdmin = (
  options: Config["admin"] & {
    view(): StatusView;
    change(request: OverrideRequest): ChangeResult;
    readonly commands: AdminCommands;
  },
) => { readonly addresses: AdminAddresses; stop(): Promise<void> };

/** What a reload did: applied as that revision, or nothing at all. */
export type ReloadResult =
  | {
      readonly kind: "applied";
      readonly revision: number;
      /** From the decision, which every worker had prepared for, to the last worker that follows it. */
      readonly commitMs: number;
    }
  | { readonly kind: "refused"; readonly lines: readonly string[]; readonly isBadFile?: boolean };

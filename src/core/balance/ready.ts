import { EndpointState } from "../../model/snapshot.ts";

export interface Candidate {
  readonly weight: number;
  readonly backup: boolean;
  readonly state: EndpointState;
  /** Its name stands for an address at the moment. */
  readonly isResolved: boolean;
}

/** Which endpoints of a pool get new exchanges, as indices into the pool, and which rule let them in. */
export interface Ready {
  readonly indices: readonly number[];
  readonly tier: ReadyTier;
}

export const ReadyTier = {
  /** Endpoints that are UP. */
  Primary: 0,
  /** No endpoint that is no backup is UP: the backups that are. */
  Backup: 1,
  /** None is UP at all: those that are DOWN get a chance, because a check may be wrong and an error is certain otherwise. */
  Panic: 2,
  /** Nothing may be used: all in MAINT or DRAIN, without weight or without an address. */
  None: 3,
} as const;
export type ReadyTier = (typeof ReadyTier)[keyof typeof ReadyTier];

/**
 * Decides off the request path, once per change. Weight 0, DRAIN and MAINT never take new exchanges, not even in panic:
 * somebody wanted them out. `panics` false: nothing that is DOWN is used, come what may.
 */
export function readyEndpoints(candidates: readonly Candidate[], panics: boolean): Ready {
  const usable = (wanted: EndpointState, backup: boolean): number[] =>
    candidates.flatMap((candidate, index) =>
      candidate.state === wanted && candidate.backup === backup && candidate.weight > 0 && candidate.isResolved
        ? [index]
        : [],
    );
  const primaries = usable(EndpointState.Up, false);
  if (primaries.length > 0) return { indices: primaries, tier: ReadyTier.Primary };
  const backups = usable(EndpointState.Up, true);
  if (backups.length > 0) return { indices: backups, tier: ReadyTier.Backup };
  if (!panics) return { indices: [], tier: ReadyTier.None };
  const panic = [...usable(EndpointState.Down, false), ...usable(EndpointState.Down, true)];
  if (panic.length > 0) return { indices: panic, tier: ReadyTier.Panic };
  return { indices: [], tier: ReadyTier.None };
}

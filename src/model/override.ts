/**
 * What someone set at run time, over the configuration. It is kept over reload and restart, until it is taken back or
 * the endpoint leaves the configuration.
 */
export interface Override<T> {
  readonly value: T;
  /** Who, as the client said: whoever may use the admin socket is believed. */
  readonly actor: string;
  readonly reason?: string;
  /** Wall clock. */
  readonly sinceAt: number;
}

export interface EndpointOverride {
  readonly state?: Override<OverrideState>;
  /** 0..256 */
  readonly weight?: Override<number>;
}

/** `drain`: no new exchanges, running ones finish. `maint`: the same, and checks say nothing either. */
export type OverrideState = "drain" | "maint";

/** What is asked for; `ready` and a null weight give back to the configuration and the checks. */
export type OverrideChange =
  | { readonly kind: "state"; readonly state: OverrideState | "ready" }
  | { readonly kind: "weight"; readonly weight: number | null };

export interface OverrideRequest {
  readonly pool: string;
  readonly endpoint: string;
  readonly change: OverrideChange;
  readonly actor: string;
  readonly reason?: string;
}

export const weightMax = 256;
export const overrideTextMax = 200;

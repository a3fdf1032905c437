/** What an endpoint that has just come UP begins with. */
const leastShare = 0.1;

/** How often effective weights are made anew while an endpoint ramps up. */
export const rampStepMs = 1000;

/**
 * Share of its weight that an endpoint gets `sinceUpMs` after it came UP again: a tenth at first, then in a straight line
 * to all of it after `slowStartMs`. 0 = no slow start.
 */
export function rampShare(sinceUpMs: number, slowStartMs: number): number {
  if (sinceUpMs >= slowStartMs) return 1;
  return leastShare + (1 - leastShare) * (Math.max(0, sinceUpMs) / slowStartMs);
}

/**
 * Whether an endpoint that comes UP is to ramp up at all: only beside others of its kind (backups or not) that serve
 * already. Into an empty pool it comes with all of its weight, because somebody has to take the requests.
 */
export function mustRamp(
  comesUp: { readonly backup: boolean },
  serving: readonly { readonly backup: boolean; readonly weight: number }[],
): boolean {
  return serving.some(({ backup, weight }) => backup === comesUp.backup && weight > 0);
}

/** Below this, answers that are usual after 20 ms would already be suspicious when a garbage collection comes. */
const overdueMsLeast = 200;
/** For endpoints that are usually this fast an answer is overdue early, because three failed checks take their time too. */
const quickMs = 50;

/**
 * After how long an answer is overdue, from what is usual at the endpoint: ten times that for a quick one, at least
 * 200 ms, so that checks have found a frozen endpoint (default: three times a second) within 4 s; three times that for a
 * slow one, at least half a second. Being overdue costs a check, nothing else.
 */
export function overdueAfterMs(usualMs: number): number {
  return usualMs < quickMs ? Math.max(overdueMsLeast, 10 * usualMs) : Math.max(10 * quickMs, 3 * usualMs);
}

/** Before the first answer nothing is usual. */
export const usualMsAtFirst = quickMs;

/** What is usual after another answer: an average in which the last sixteen count most. */
export function usualAfter(usualMs: number, answerMs: number): number {
  return usualMs + (answerMs - usualMs) / 16;
}

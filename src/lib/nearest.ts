/**
 * Damerau–Levenshtein distance (optimal string alignment: insert, delete, replace, swap of neighbours), or `max + 1`
 * as soon as it is known to be larger than `max`.
 */
export function editDistance(a: string, b: string, max: number): number {
  if (Math.abs(a.length - b.length) > max) return max + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      // All indices lie inside rows of b.length + 1 numbers that were filled before.
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let distance = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        distance = Math.min(distance, beforeLast[j - 2]! + 1);
      row.push(distance);
      if (distance < least) least = distance;
    }
    if (least > max) return max + 1;
    beforeLast = last;
    last = row;
  }
  return Math.min(last[b.length]!, max + 1);
}

/**
 * The candidate that `word` was most likely meant to be, compared without case, or undefined where none is near: a
 * third of its letters may be wrong, at most three; failing that, one may be the beginning of the other (`warning`,
 * `warn`). Of two equally near, the first.
 */
export function nearestWord(word: string, candidates: Iterable<string>): string | undefined {
  const words = [...candidates];
  const lower = word.toLowerCase();
  let max = Math.min(3, Math.max(1, Math.floor(word.length / 3)));
  let best: string | undefined;
  for (const candidate of words) {
    const distance = editDistance(lower, candidate.toLowerCase(), max);
    if (distance > max) continue;
    best = candidate;
    if (distance === 0) return best;
    max = distance - 1;
  }
  return best ?? words.find((candidate) => isBeginning(lower, candidate.toLowerCase()));
}

/** Fewer than three letters begin too many words. */
function isBeginning(a: string, b: string): boolean {
  return Math.min(a.length, b.length) >= 3 && (a.startsWith(b) || b.startsWith(a));
}

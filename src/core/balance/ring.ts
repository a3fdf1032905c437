import { hashText } from "./hash.ts";

export interface RingEntry {
  /** What its points are made from: the endpoint's name. */
  readonly name: string;
  readonly weight: number;
}

/** Points of an endpoint of mean weight; 160 keep most shares within a tenth of what the weights say. */
const pointsUsual = 160;
const pointsLeast = 16;
/** Points of a whole ring, about: what a large pool costs to build. */
const ringMax = 65_536;
const pointsMaxPerEndpoint = 4096;

/**
 * Points for each unit of weight in a pool of `count` endpoints with `weightSum` in all. It follows from the configuration
 * alone, so that an endpoint that goes or ramps up never moves the points of another.
 */
export function pointsPerWeight(count: number, weightSum: number): number {
  const points = Math.min(pointsUsual, Math.max(pointsLeast, Math.round(ringMax / count)));
  return weightSum > 0 ? (points * count) / weightSum : points;
}

/**
 * The circle of consistent hashing: every endpoint owns some points in 0…2³²−1, as many as its weight says, at the hashes
 * of `name#0`, `name#1`, …. A key belongs to the first point at or behind it. Which is which depends on nothing but
 * names and weights, so every worker and node agrees; an endpoint that goes hands its keys to all others and moves none of
 * theirs. (Karger and others, 1997.)
 */
export class Ring {
  /** Sorted. */
  readonly #points: Uint32Array;
  /** Index of the entry that owns the point. */
  readonly #owners: Uint16Array;

  /** At least one of `entries`, at most 4 096, each with a weight above 0. Of two owners of one point, the first counts. */
  constructor(entries: readonly RingEntry[], perWeight: number) {
    const counts = entries.map(({ weight }) =>
      Math.min(pointsMaxPerEndpoint, Math.max(1, Math.round(weight * perWeight))),
    );
    // Place and owner in one number, so that the fast numeric sort orders both.
    const sorted = new Float64Array(counts.reduce((sum, count) => sum + count, 0));
    let at = 0;
    entries.forEach(({ name }, owner) => {
      for (let point = 0; point < counts[owner]!; point++) sorted[at++] = hashText(`${name}#${point}`) * 4096 + owner;
    });
    sorted.sort();
    this.#points = Uint32Array.from(sorted, (each) => Math.floor(each / 4096));
    this.#owners = Uint16Array.from(sorted, (each) => each % 4096);
  }

  get length(): number {
    return this.#points.length;
  }

  /** Place of the first point at or behind `key`. */
  placeOf(key: number): number {
    const points = this.#points;
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (points[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low === points.length ? 0 : low;
  }

  ownerAt(place: number): number {
    return this.#owners[place]!;
  }

  next(place: number): number {
    return place + 1 === this.#points.length ? 0 : place + 1;
  }
}

/** A broken invariant of ours: never caught, so that the process ends and the supervisor starts a clean one. */
export class AssertionFailed extends Error {
  override readonly name = "AssertionFailed";
}

export function assert(holds: boolean, claim: string): asserts holds {
  if (!holds) throw new AssertionFailed(claim);
}

/** For the `default` of a switch over a closed set. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unexpected value: ${JSON.stringify(value)}`);
}

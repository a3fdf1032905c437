import { ptr } from "bun:ffi";
import { libc } from "./libc.ts";

const clockMonotonic = 1;

/**
 * Milliseconds since the machine started, the same in every process and never going back; Bun's own monotonic clock starts
 * with the process. Each call goes through FFI: keep the difference to the other clock instead of asking again.
 */
export function bootClockMs(): number {
  // struct timespec: | seconds i64 | nanoseconds i64 |
  const words = new BigInt64Array(2);
  libc().clock_gettime(clockMonotonic, ptr(words));
  return Number(words[0]!) * 1000 + Number(words[1]!) / 1e6;
}

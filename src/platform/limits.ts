import { ptr } from "bun:ffi";
import { libc } from "./libc.ts";
import type { DescriptorLimit, Limits } from "./ports.ts";

const rlimitNofile = 7;
/** RLIM_INFINITY as a number; descriptors are never that many. */
const infinity = 2 ** 64;

export const limits: Limits = {
  raiseDescriptors(wanted) {
    const before = descriptorLimit();
    // A higher hard limit needs CAP_SYS_RESOURCE and ends at fs.nr_open: trying is how one finds out.
    if (wanted > before.hard) set({ soft: wanted, hard: wanted });
    else if (before.soft < before.hard) set({ soft: before.hard, hard: before.hard });
    const after = descriptorLimit();
    if (after.soft < after.hard) set({ soft: after.hard, hard: after.hard });
    return descriptorLimit();
  },
};

function descriptorLimit(): DescriptorLimit {
  // struct rlimit: | soft u64 | hard u64 |
  const words = new BigUint64Array(2);
  libc().getrlimit(rlimitNofile, ptr(words));
  return { soft: Number(words[0]!), hard: Number(words[1]!) };
}

function set({ soft, hard }: DescriptorLimit): void {
  const words = new BigUint64Array([word(soft), word(hard)]);
  libc().setrlimit(rlimitNofile, ptr(words));
}

function word(limit: number): bigint {
  return limit >= infinity ? 2n ** 64n - 1n : BigInt(limit);
}

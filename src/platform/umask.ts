/**
 * Runs `make` with the process's umask set to `mask`, so that what it creates never exists with wider rights, not even
 * for the moment between creation and a chmod. Synchronous, because the umask belongs to the whole process.
 */
export function withUmask<T>(mask: number, make: () => T): T {
  const before = process.umask(mask);
  try {
    return make();
  } finally {
    process.umask(before);
  }
}

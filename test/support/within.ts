/**
 * Waits for an event, but not for ever: a test that would hang fails with the name of what did not come.
 * The bound is generous (machines are shared) and never what a test measures.
 */
export async function within<T>(what: string, promise: Promise<T>, timeoutMs = 5000): Promise<T> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${timeoutMs} ms: ${what}`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Something that others wait for: a list of waiting conditions, looked at again whenever `changed` is called. */
export class Waiters {
  #waiting: { readonly isMet: () => boolean; readonly resolve: () => void }[] = [];

  changed(): void {
    const met = this.#waiting.filter((one) => one.isMet());
    this.#waiting = this.#waiting.filter((one) => !met.includes(one));
    for (const one of met) one.resolve();
  }

  until(what: string, isMet: () => boolean, timeoutMs?: number): Promise<void> {
    if (isMet()) return Promise.resolve();
    const met = new Promise<void>((resolve) => this.#waiting.push({ isMet, resolve }));
    return within(what, met, timeoutMs);
  }
}

/**
 * Asks again until the answer is good. Only for what has no event to wait for: another process's counters, a socket
 * file that is about to appear.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  options: { readonly timeoutMs?: number; readonly everyMs?: number } = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 5000;
  const end = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await Bun.sleep(options.everyMs ?? 10);
  }
}

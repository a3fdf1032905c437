import type { Child } from "./children.ts";

const waitMs = 10_000;
const pauseMs = 20;

/**
 * Waits until an address answers 200. Throws with the program's own words where it ends first, or after ten seconds.
 * `socket`: the path of a unix socket to ask through.
 */
export async function waitForAnswer(url: string, child: Child, socket?: string): Promise<void> {
  const ended = { yes: false };
  void child.exited.then(() => (ended.yes = true));
  const deadline = performance.now() + waitMs;
  while (performance.now() < deadline && !ended.yes) {
    try {
      const answer = await fetch(url, {
        keepalive: false,
        ...(socket === undefined ? {} : { unix: socket }),
      });
      await answer.arrayBuffer();
      if (answer.status === 200) return;
    } catch {
      // not listening yet
    }
    // The programs that are measured have no common way to say that they are ready: ask again.
    await Bun.sleep(pauseMs);
  }
  throw new Error(`${child.name} ${ended.yes ? "ended" : "did not answer"} at ${url}: ${child.output().trim()}`);
}

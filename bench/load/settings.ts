import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { dirname, join } from "node:path";

/** Where a run works, and which core does what. */
export interface BenchSettings {
  /** A folder of this run alone, removed at its end. */
  readonly dir: string;
  readonly proxyCore: number;
  /** Back ends, load generators and the bench itself. */
  readonly loadCore: number;
}

export const benchDir = dirname(Bun.fileURLToPath(import.meta.url));
export const projectDir = join(benchDir, "../..");

/** Fills the `@words@` of a file in configs/; a word without a value is an error. */
export function writeConfig(template: string, target: string, values: Readonly<Record<string, string | number>>): void {
  const text = readFileSync(join(benchDir, "configs", template), "utf8").replace(
    /@([a-z0-9]+)@/g,
    (_, word: string) => {
      const value = values[word];
      if (value === undefined) throw new Error(`${template}: nothing stands for @${word}@`);
      return String(value);
    },
  );
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}

/** Ports on 127.0.0.1 that were free a moment ago (all held at once, so they differ). */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(0, "127.0.0.1", resolve);
      });
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

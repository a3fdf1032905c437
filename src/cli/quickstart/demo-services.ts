import { parseListeningLine } from "./demo-service.ts";

/** What is needed to run the demo services. */
export interface DemoPorts {
  spawn(options: { readonly name: string; readonly port: number; onLine(line: string): void; onExit(): void }): {
    readonly pid: number;
    kill(): void;
  };
  wallMs(): number;
  after(delayMs: number, run: () => void): () => void;
  /** A service ended or came back. */
  onChange(service: DemoService): void;
}

/** One service as it is shown; fields change while it lives. */
export interface DemoService {
  readonly name: string;
  readonly port: number;
  /** Undefined while it is down. */
  readonly pid: number | undefined;
  /** Wall clock of the next start while it is down. */
  readonly startsAt: number | undefined;
}

interface Running {
  readonly name: string;
  port: number;
  pid: number | undefined;
  startsAt: number | undefined;
  kill: () => void;
  cancelStart: () => void;
}

/** Long enough to see it DOWN, short enough to wait for its return. */
export const restartAfterMs = 8000;
/** A start takes tens of milliseconds; on a machine where it takes this long something is wrong. */
const startTimeoutMs = 15_000;

/** Three services that come back a while after they were killed; `stop` ends them for good. */
export class DemoServices {
  readonly #ports: DemoPorts;
  readonly #services: Running[] = [];
  #isStopping = false;

  constructor(ports: DemoPorts) {
    this.#ports = ports;
  }

  /** Starts one service per name; resolves when all answer. Rejects where one ends or stays silent instead. */
  async start(names: readonly string[]): Promise<void> {
    await Promise.all(
      names.map(async (name) => {
        const service: Running = {
          name,
          port: 0,
          pid: undefined,
          startsAt: undefined,
          kill: () => undefined,
          cancelStart: () => undefined,
        };
        this.#services.push(service);
        await new Promise<void>((resolve, reject) => {
          const cancel = this.#ports.after(startTimeoutMs, () =>
            reject(new Error(`demo service ${name} did not answer in ${startTimeoutMs / 1000} s`)),
          );
          this.#spawn(service, {
            listening: () => {
              cancel();
              resolve();
            },
            ended: () => {
              cancel();
              reject(new Error(`demo service ${name} ended at once`));
            },
          });
        });
      }),
    );
  }

  list(): readonly DemoService[] {
    return this.#services;
  }

  stop(): void {
    this.#isStopping = true;
    for (const service of this.#services) {
      service.cancelStart();
      service.kill();
    }
  }

  #spawn(service: Running, first?: { listening(): void; ended(): void }): void {
    let isListening = false;
    const child = this.#ports.spawn({
      name: service.name,
      port: service.port,
      onLine: (line) => {
        const port = parseListeningLine(line);
        if (port === undefined) return;
        isListening = true;
        service.port = port;
        service.pid = child.pid;
        service.startsAt = undefined;
        if (first === undefined) this.#ports.onChange(service);
        else first.listening();
      },
      onExit: () => {
        service.pid = undefined;
        service.kill = () => undefined;
        if (this.#isStopping) return;
        if (first !== undefined && !isListening) {
          first.ended();
          return;
        }
        this.#startLater(service);
      },
    });
    service.kill = () => child.kill();
  }

  /** On the same port, because the configuration names it. */
  #startLater(service: Running): void {
    service.startsAt = this.#ports.wallMs() + restartAfterMs;
    service.cancelStart = this.#ports.after(restartAfterMs, () => this.#spawn(service));
    this.#ports.onChange(service);
  }
}

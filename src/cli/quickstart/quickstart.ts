import { join } from "node:path";
import { holderText } from "../../control/holder-text.ts";
import { AppError, ExitCode } from "../../model/app-error.ts";
import type { StatusView } from "../../model/status.ts";
import type { InstanceFiles } from "../../platform/instance-files.ts";
import type { InstancePaths } from "../../platform/instance-paths.ts";
import type { PortHolder } from "../../platform/ports.ts";
import type { Terminal } from "../../platform/terminal.ts";
import { paintFor } from "../colour.ts";
import type { CliIo } from "../io.ts";
import { demoConfigText } from "./demo-config.ts";
import { type DemoPorts, type DemoService, DemoServices, restartAfterMs } from "./demo-services.ts";
import { changeLines, liveLines, tryLines } from "./live-text.ts";
import { Painter } from "./painter.ts";

export interface QuickstartPorts {
  readonly io: CliIo;
  readonly terminal: Terminal;
  readonly paths: InstancePaths;
  readonly files: InstanceFiles;
  holder(address: { readonly host: string; readonly port: number }): PortHolder | undefined;
  readonly spawnService: DemoPorts["spawn"];
  wallMs(): number;
  after(delayMs: number, run: () => void): () => void;
  every(intervalMs: number, run: () => void): () => void;
  /** Ctrl-C and SIGTERM, until the returned function is called. */
  onStopSignal(run: () => void): () => void;
  /**
   * Runs the instance until it ended, exactly as `run` does; `onRunning` once it takes connections, with a function that
   * says how it is. Log lines go to `log`.
   */
  run(options: {
    readonly file: string;
    log(line: string): void;
    onRunning(view: () => StatusView): void;
  }): Promise<number>;
}

const host = "127.0.0.1";
const usualAdminPort = 9400;
const serviceNames = ["orders-1", "orders-2", "orders-3"] as const;
/** On a terminal a person reads seconds; changes are drawn at once. */
const redrawEveryMs = 1000;
/** Without a terminal the states are looked at this often. */
const lookEveryMs = 200;

/** The quickstart: three services, the balancer in front, and a live view until Ctrl-C. Returns the exit code. */
export async function runQuickstart({ port }: { readonly port: number }, ports: QuickstartPorts): Promise<number> {
  const { io, paths, files } = ports;
  refuseTakenPort(port, ports);
  const adminPort = ports.holder({ host, port: usualAdminPort }) === undefined ? usualAdminPort : 0;
  const show = ports.terminal.isTerminal ? new TerminalView(ports) : new PlainView(ports);
  let isStopped = false;
  const cancelSignals = ports.onStopSignal(() => {
    isStopped = true;
  });
  const services = new DemoServices({
    spawn: ports.spawnService,
    wallMs: ports.wallMs,
    after: ports.after,
    onChange: (service) => show.serviceChanged(service),
  });
  const file = join(paths.folder, "quickstart.yaml");
  try {
    await startServices(services);
    // The instance catches signals itself from here on; one that came before must not be lost.
    if (isStopped) return ExitCode.Ok;
    files.write(
      paths.folder,
      file,
      demoConfigText({
        port,
        adminPort,
        adminSocket: paths.adminSocket,
        services: services.list(),
      }),
    );
    const exitCode = await ports.run({
      file,
      log: (line) => show.log(line),
      onRunning(view) {
        if (adminPort === 0) show.log(`port ${usualAdminPort} is taken, so the admin address is another one`);
        show.begin(() => ({ view: view(), services: services.list(), file }));
      },
    });
    show.end();
    if (exitCode === ExitCode.Ok) io.out("The quickstart has ended.");
    return exitCode;
  } finally {
    show.end();
    services.stop();
    cancelSignals();
    files.remove(paths.folder, file);
  }
}

async function startServices(services: DemoServices): Promise<void> {
  try {
    await services.start(serviceNames);
  } catch (cause) {
    throw new AppError("quickstart-failed", cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Says who holds the port, and how to go on. */
function refuseTakenPort(port: number, ports: QuickstartPorts): void {
  const holder = port === 0 ? undefined : ports.holder({ host, port });
  if (holder === undefined) return;
  throw new AppError("port-in-use", takenPortText(port, holder));
}

/** Two lines for the person who typed `npm start`. */
export function takenPortText(port: number, holder: PortHolder): string {
  const isOurs = holder.command?.includes("weichensteller") === true && holder.name === "weichensteller";
  const next = isOurs
    ? "see it with 'npx weichensteller status', end it with 'npx weichensteller stop', or"
    : "end it, or";
  const other = port === 65_535 ? 8080 : port + 1;
  return `${host}:${port} is in use by ${holderText(holder)}\n  ${next} take another port: 'npm start -- --port ${other}'`;
}

type Scene = () => {
  readonly view: StatusView;
  readonly services: readonly DemoService[];
  readonly file: string;
};

/** Redrawn in place, about once a second and at every change. */
class TerminalView {
  readonly #ports: QuickstartPorts;
  readonly #painter: Painter;
  #draw: () => void = () => undefined;
  #cancels: (() => void)[] = [];

  constructor(ports: QuickstartPorts) {
    this.#ports = ports;
    this.#painter = new Painter(ports.terminal);
  }

  begin(scene: Scene): void {
    const { io, terminal } = this.#ports;
    const paint = paintFor(io);
    let before: StatusView | undefined;
    this.#draw = () => this.#painter.draw(liveLines(scene(), { width: terminal.columns(), paint }));
    this.#cancels = [
      this.#ports.every(redrawEveryMs, () => this.#draw()),
      this.#ports.every(lookEveryMs, () => {
        const { view } = scene();
        if (before !== undefined && changeLines(before, view).length > 0) this.#draw();
        before = view;
      }),
      terminal.onResize(() => {
        this.#painter.reset();
        this.#draw();
      }),
    ];
    this.#draw();
  }

  serviceChanged(): void {
    this.#draw();
  }

  log(line: string): void {
    this.#painter.above(line);
    this.#draw();
  }

  end(): void {
    for (const cancel of this.#cancels) cancel();
    this.#draw = () => undefined;
    this.#painter.end();
  }
}

/** One line per change, for logs and pipes. */
class PlainView {
  readonly #ports: QuickstartPorts;
  #cancel: () => void = () => undefined;

  constructor(ports: QuickstartPorts) {
    this.#ports = ports;
  }

  begin(scene: Scene): void {
    const first = scene();
    for (const { name, port, pid } of first.services)
      this.#ports.io.out(`service ${name} runs on ${host}:${port} (pid ${pid})`);
    for (const line of tryLines(first)) this.#ports.io.out(line);
    let before: StatusView | undefined;
    const look = (): void => {
      const { view } = scene();
      for (const line of changeLines(before, view)) this.#say(line);
      before = view;
    };
    look();
    this.#cancel = this.#ports.every(lookEveryMs, look);
  }

  serviceChanged({ name, pid }: DemoService): void {
    this.#say(
      pid === undefined
        ? `service ${name} has ended; it starts again in ${restartAfterMs / 1000} s`
        : `service ${name} runs again (pid ${pid})`,
    );
  }

  log(line: string): void {
    this.#ports.io.err(line);
  }

  end(): void {
    this.#cancel();
  }

  #say(text: string): void {
    this.#ports.io.out(`${new Date(this.#ports.wallMs()).toISOString().slice(11, 19)} ${text}`);
  }
}

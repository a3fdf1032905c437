/**
 * What the program needs of the operating system, as small interfaces. `platform/` implements them for Bun on Linux,
 * `main/` builds the real ones, tests pass their own. A call that can fail for reasons outside the program returns an
 * `OsResult` and does not throw.
 */
export type OsResult<T> = { readonly ok: true; readonly value: T } | OsFailure;

export interface OsFailure {
  readonly ok: false;
  /** Symbolic errno: `EADDRINUSE`, `EACCES`, … */
  readonly code: string;
  /** The kernel's words for it. */
  readonly text: string;
}

/** Undoes a registration or stops a timer; calling it twice is harmless. */
export type Cancel = () => void;

export interface Clock {
  /** For waiting: never goes back, starts anywhere. Milliseconds with fraction. */
  monotonicMs(): number;
  /** For people: milliseconds since 1970, may jump. */
  wallMs(): number;
}

export interface Timers {
  after(delayMs: number, run: () => void): Cancel;
  every(intervalMs: number, run: () => void): Cancel;
}

export interface Random {
  /** Uniform in 0 ≤ x < 1. */
  fraction(): number;
}

export interface Files {
  readText(path: string): OsResult<string>;
  /** Puts a whole new file (mode 0600) in the place of the old one, on disk: a reader sees one or the other, always. */
  replaceText(path: string, text: string): OsResult<undefined>;
  /** Ok also where nothing was there. */
  remove(path: string): OsResult<undefined>;
  /** Makes it with its parents; an existing folder keeps its mode. */
  makeFolder(path: string, options: { readonly mode: number }): OsResult<undefined>;
  setOwner(path: string, owner: UserIds): OsResult<undefined>;
  /** Absent: nothing there, or it cannot be looked at. */
  owner(path: string): number | undefined;
  /**
   * Takes an exclusive lock (flock) on `path` and writes `text` into it. The kernel drops the lock with the process,
   * so a file left by a dead one locks nobody out. Where another process holds it: `{ heldBy: its text }`.
   */
  lock(path: string, text: string): OsResult<{ readonly release: Cancel } | { readonly heldBy: string }>;
}

export interface ListenOptions {
  /** IP literal without brackets. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Connections that may wait to be accepted; the kernel cuts it to net.core.somaxconn. */
  readonly backlog: number;
  /** IPv6 only: leaves the IPv4 side of `::` to a socket of its own. */
  readonly ipv6Only: boolean;
  /** Also binds an address that this machine does not have (IP_FREEBIND). */
  readonly freebind: boolean;
}

/** Who listens on a port, as far as this user may see. */
export interface PortHolder {
  readonly uid: number;
  /** Absent where the name is unknown. */
  readonly user?: string;
  /** Absent where /proc does not let us look into that user's processes. */
  readonly pid?: number;
  /** Short name as in `ps`. */
  readonly name?: string;
  readonly command?: string;
}

export interface ListenSockets {
  /** Binds exclusively (never SO_REUSEPORT) and listens. The descriptor is non-blocking and closed on exec. */
  bindListen(options: ListenOptions): OsResult<{ readonly fd: number; readonly port: number }>;
  /** Bun.listen sets 511 on a descriptor that it takes over; this sets ours again. */
  setBacklog(fd: number, backlog: number): OsResult<undefined>;
  close(fd: number): void;
  holder(address: { readonly host: string; readonly port: number }): PortHolder | undefined;
}

export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

export type SignalName = "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGKILL" | "SIGUSR2";

export interface SpawnOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Descriptors that become 3, 4, … in the child. */
  readonly descriptors: readonly number[];
  onExit(end: ProcessEnd): void;
}

export interface ProcessEnd {
  /** Absent: ended by `signal`. */
  readonly exitCode?: number;
  readonly signal?: string;
}

export interface Child {
  readonly pid: number;
  kill(signal: SignalName): void;
}

export interface Processes {
  readonly pid: number;
  /** Effective user id. */
  readonly uid: number;
  readonly cores: number;
  /** Standard output and error of the child are our standard error. Throws only where fork or exec fails. */
  spawn(options: SpawnOptions): Child;
  isAlive(pid: number): boolean;
  /** Name and arguments of a process, absent where it is gone or hidden. */
  commandLine(pid: number): string | undefined;
  /** The short name in `ps` and /proc/PID/comm; 15 bytes at most. */
  nameThis(name: string): void;
  userIds(name: string): UserIds | undefined;
  /** Gives up root for good: groups, group, user. */
  become(ids: UserIds): OsResult<undefined>;
  on(signal: SignalName, run: () => void): Cancel;
  exit(code: number): never;
}

export interface DescriptorLimit {
  readonly soft: number;
  readonly hard: number;
}

export interface Limits {
  /** Raises the soft limit of open descriptors to the hard one, and both to `wanted` where we may. Says what it is now. */
  raiseDescriptors(wanted: number): DescriptorLimit;
}

export interface SharedMemory {
  /** A new file of zeroes, mode 0600; what stood there under this name is unlinked, those who map it keep it. */
  create(path: string, options: { readonly bytes: number }): OsResult<Uint8Array<ArrayBuffer>>;
  /** Maps what another process created. */
  open(path: string): OsResult<Uint8Array<ArrayBuffer>>;
}

export interface Names {
  /**
   * Addresses of a host name as the system resolver orders them, at least one; an IP literal is returned as it is.
   * Settles after `timeoutMs` at the latest and never rejects.
   */
  resolve(host: string, options: { readonly timeoutMs: number }): Promise<OsResult<readonly string[]>>;
}

export interface Output {
  readonly isTerminal: boolean;
  /** A whole line without its end. A closed pipe is ignored. */
  writeLine(line: string): void;
}

export interface Platform {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly files: Files;
  readonly listenSockets: ListenSockets;
  readonly processes: Processes;
  readonly limits: Limits;
  readonly sharedMemory: SharedMemory;
  readonly names: Names;
  readonly errorOutput: Output;
}

import {
  columnSlots,
  counterLayoutVersion,
  counterMagic,
  EndpointSlot,
  endpointBase,
  endpointSlots,
  endpointsMax,
  headerBytes,
  listenerBase,
  ListenerSlot,
  listenerSlots,
  listenersMax,
  WorkerSlot,
} from "./counters.ts";

/** 32-bit words of the header, in the byte order of the machine; the rest of its 64 bytes is zero. */
const Header = {
  magic: 0,
  layoutVersion: 1,
  workers: 2,
  columnSlots: 3,
  listenersMax: 4,
  endpointsMax: 5,
} as const;

/** Workers of one instance; the file grows by 2.1 MiB (touched pages only) with each. */
export const workersMax = 64;

/** Bytes of a counter file for so many workers: header, a column each, and the retired column. */
export function counterFileBytes(workers: number): number {
  return headerBytes + (workers + 1) * columnSlots * Float64Array.BYTES_PER_ELEMENT;
}

/** Writes the header into a new, zeroed mapping of `counterFileBytes(workers)` bytes. */
export function initCounters(memory: Uint8Array<ArrayBuffer>, workers: number): Counters {
  const header = new Uint32Array(memory.buffer, memory.byteOffset, headerBytes / 4);
  header[Header.layoutVersion] = counterLayoutVersion;
  header[Header.workers] = workers;
  header[Header.columnSlots] = columnSlots;
  header[Header.listenersMax] = listenersMax;
  header[Header.endpointsMax] = endpointsMax;
  // Last: whoever sees the magic sees the rest.
  header[Header.magic] = counterMagic;
  return new Counters(memory, workers);
}

/** Views a mapping that another process made; a text says why it cannot be used. */
export function openCounters(memory: Uint8Array<ArrayBuffer>): Counters | string {
  if (memory.length < headerBytes) return "shorter than a header";
  const header = new Uint32Array(memory.buffer, memory.byteOffset, headerBytes / 4);
  if (header[Header.magic] !== counterMagic) return "not a counter file (wrong magic)";
  const version = header[Header.layoutVersion];
  if (version !== counterLayoutVersion) return `layout version ${version}, this program has ${counterLayoutVersion}`;
  const counts = [header[Header.columnSlots], header[Header.listenersMax], header[Header.endpointsMax]];
  if (counts.join() !== [columnSlots, listenersMax, endpointsMax].join())
    return `other slot counts (${counts.join(", ")})`;
  const workers = header[Header.workers]!;
  if (workers < 1 || workers > workersMax) return `${workers} workers`;
  if (memory.length < counterFileBytes(workers)) return "shorter than its header says";
  return new Counters(memory, workers);
}

/** The mapped columns. Each worker writes only its own; all else here is the supervisor's. */
export class Counters {
  readonly workers: number;
  readonly #columns: readonly Float64Array[];

  constructor(memory: Uint8Array<ArrayBuffer>, workers: number) {
    this.workers = workers;
    this.#columns = Array.from({ length: workers + 1 }, (_, index) => {
      const offset = memory.byteOffset + headerBytes + index * columnSlots * Float64Array.BYTES_PER_ELEMENT;
      return new Float64Array(memory.buffer, offset, columnSlots);
    });
  }

  /** Column of worker `index`, 0 ≤ index < workers. */
  column(index: number): Float64Array {
    const column = index < this.workers ? this.#columns[index] : undefined;
    if (column === undefined) throw new RangeError(`no counter column ${index}`);
    return column;
  }

  /** Over all workers, the dead ones included. */
  sum(slot: number): number {
    let sum = 0;
    for (const column of this.#columns) sum += column[slot]!;
    return sum;
  }

  /** Keeps a dead worker's totals, drops its gauges, and zeroes its column for the successor. */
  retire(index: number): void {
    const column = this.column(index);
    const retired = this.#columns[this.workers]!;
    for (let slot = 0; slot < columnSlots; slot++) {
      const value = column[slot]!;
      if (value === 0) continue;
      if (!isGauge(slot)) retired[slot] = retired[slot]! + value;
      column[slot] = 0;
    }
  }

  /** Answers of an endpoint below 500, since the row is its. */
  goodAnswers(row: number): number {
    const base = endpointBase(row);
    return (
      this.sum(base + EndpointSlot.status2xx) +
      this.sum(base + EndpointSlot.status3xx) +
      this.sum(base + EndpointSlot.status4xx)
    );
  }

  /** Whether some worker has an attempt or a connection at this endpoint, so that its row may not change hands. */
  isEndpointBusy(row: number): boolean {
    const base = endpointBase(row);
    return this.sum(base + EndpointSlot.attemptsNow) !== 0 || this.sum(base + EndpointSlot.connectionsNow) !== 0;
  }

  /** Forgets what a row that is not busy counted for its last endpoint. */
  clearEndpoint(row: number): void {
    this.#clear(endpointBase(row), endpointSlots);
  }

  clearListener(slot: number): void {
    this.#clear(listenerBase(slot), listenerSlots);
  }

  #clear(start: number, count: number): void {
    for (const column of this.#columns) column.fill(0, start, start + count);
  }
}

const workerGauges: ReadonlySet<number> = new Set([
  // Neither a total nor `Now`, but as little to be summed up over lives.
  WorkerSlot.heartbeat,
  WorkerSlot.eventLoopLagMaxMs,
  ...gauges(WorkerSlot),
]);
const listenerGauges: ReadonlySet<number> = new Set(gauges(ListenerSlot));
const endpointGauges: ReadonlySet<number> = new Set(gauges(EndpointSlot));

function gauges(slots: Readonly<Record<string, number>>): readonly number[] {
  return Object.entries(slots).flatMap(([name, slot]) => (name.endsWith("Now") ? [slot] : []));
}

function isGauge(slot: number): boolean {
  if (slot < listenerBase(0)) return workerGauges.has(slot);
  if (slot < endpointBase(0)) return listenerGauges.has((slot - listenerBase(0)) % listenerSlots);
  return endpointGauges.has((slot - endpointBase(0)) % endpointSlots);
}

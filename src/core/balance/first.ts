import { type Balancer, nobody } from "./balancer.ts";

/**
 * The first endpoint of the list that has room; the next one only when it is full. For services of which one should do
 * all the work (a database), or so that endpoints at the end can be switched off while there is little to do. Weights mean
 * nothing here. When all are full, the first: its limit decides what becomes of the exchange.
 */
export class First implements Balancer {
  readonly #count: number;
  readonly #hasRoom: (index: number) => boolean;

  constructor(count: number, hasRoom: (index: number) => boolean) {
    this.#count = count;
    this.#hasRoom = hasRoom;
  }

  pick(): number {
    for (let index = 0; index < this.#count; index++) if (this.#hasRoom(index)) return index;
    return 0;
  }

  pickOther(_key: number, _nowMs: number, tried: Uint8Array): number {
    let full = nobody;
    for (let index = 0; index < this.#count; index++) {
      if (tried[index] === 1) continue;
      if (this.#hasRoom(index)) return index;
      if (full === nobody) full = index;
    }
    return full;
  }
}

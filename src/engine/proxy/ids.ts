import { fillRandom } from "../../platform/random.ts";

const hexDigits = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));
const poolBytes = 4096;
/** 16 for the request id, 16 for a trace id, 8 for a parent id. */
const bytesPerExchange = 40;

/**
 * Request ids and trace ids as hexadecimal bytes, drawn from the kernel's generator a few thousand bytes at a time. Both
 * arrays are overwritten by the next `draw`.
 */
export class ExchangeIds {
  /** 32 digits. */
  readonly requestId = new Uint8Array(32);
  /** `00-<32 digits>-<16 digits>-00`: W3C Trace Context §3.2; not sampled, because nobody here records it. */
  readonly traceparent = new Uint8Array(55);
  readonly #pool = new Uint8Array(poolBytes);
  #used = poolBytes;

  constructor() {
    const fixed: readonly (readonly [number, string])[] = [
      [0, "00-"],
      [35, "-"],
      [52, "-00"],
    ];
    for (const [at, text] of fixed)
      for (let which = 0; which < text.length; which++) this.traceparent[at + which] = text.charCodeAt(which);
  }

  draw(): void {
    if (this.#used + bytesPerExchange > poolBytes) {
      fillRandom(this.#pool);
      this.#used = 0;
    }
    const from = this.#used;
    this.#used = from + bytesPerExchange;
    writeHex(this.requestId, 0, this.#pool, from, 16);
    writeHex(this.traceparent, 3, this.#pool, from + 16, 16);
    writeHex(this.traceparent, 36, this.#pool, from + 32, 8);
  }
}

function writeHex(out: Uint8Array, at: number, bytes: Uint8Array, from: number, count: number): void {
  for (let which = 0; which < count; which++) {
    const byte = bytes[from + which]!;
    out[at++] = hexDigits[byte >> 4]!;
    out[at++] = hexDigits[byte & 15]!;
  }
}

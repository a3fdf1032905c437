import { createRequire } from "node:module";

/**
 * llhttp as the second opinion: the parser of Node, as WebAssembly inside undici, driven directly through its callbacks
 * with every leniency off.
 */
export interface LlhttpMessage {
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly minor: number;
  readonly major: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly isUpgrade: boolean;
  readonly isComplete: boolean;
}

export interface LlhttpResult {
  /** `undefined`: nothing refused. */
  readonly error: string | undefined;
  readonly reason: string;
  readonly messages: readonly LlhttpMessage[];
}

/** The functions that the module exports; pointers are byte offsets in its memory. */
interface LlhttpExports {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  malloc(bytes: number): number;
  free(pointer: number): void;
  llhttp_execute(parser: number, data: number, bytes: number): number;
  llhttp_finish(parser: number): number;
  llhttp_get_error_reason(parser: number): number;
  llhttp_errno_name(error: number): number;
  llhttp_get_method(parser: number): number;
  llhttp_method_name(method: number): number;
  llhttp_get_http_minor(parser: number): number;
  llhttp_get_http_major(parser: number): number;
}

interface Building {
  target: string;
  status: number;
  headers: [string, string][];
  body: string;
  isUpgrade: boolean;
  isComplete: boolean;
  hasHead: boolean;
  isLastField: boolean;
  method: string;
  minor: number;
  major: number;
}

const require = createRequire(import.meta.url);

/** `HPE_PAUSED_UPGRADE`: what follows is another protocol; no refusal. */
const pausedUpgrade = 22;

export const LlhttpType = { request: 1, response: 2 } as const;

export class Llhttp {
  readonly #exports: LlhttpExports;
  readonly #input: number;
  readonly #inputBytesMax: number;
  #messages: Building[] = [];
  /** Answers to HEAD have no body: the callback says so. */
  #skipsBody = false;

  constructor(inputBytesMax = 1 << 17) {
    const module = new WebAssembly.Module(require("undici/lib/llhttp/llhttp-wasm.js") as Uint8Array<ArrayBuffer>);
    const text = (at: number, length: number): string =>
      Buffer.from(this.#exports.memory.buffer, at, length).toString("latin1");
    const current = (): Building => this.#messages[this.#messages.length - 1]!;
    const instance = new WebAssembly.Instance(module, {
      env: {
        wasm_on_message_begin: () => {
          this.#messages.push(freshMessage());
          return 0;
        },
        wasm_on_url: (_parser: number, at: number, length: number) => {
          current().target += text(at, length);
          return 0;
        },
        wasm_on_status: () => 0,
        wasm_on_header_field: (_parser: number, at: number, length: number) => {
          const message = current();
          if (message.isLastField) message.headers[message.headers.length - 1]![0] += text(at, length);
          else message.headers.push([text(at, length), ""]);
          message.isLastField = true;
          return 0;
        },
        wasm_on_header_value: (_parser: number, at: number, length: number) => {
          const message = current();
          message.isLastField = false;
          message.headers[message.headers.length - 1]![1] += text(at, length);
          return 0;
        },
        wasm_on_headers_complete: (parser: number, status: number, upgrade: number) => {
          const message = current();
          message.status = status;
          message.hasHead = true;
          message.isLastField = false;
          message.isUpgrade = upgrade !== 0;
          message.method = this.#text(this.#exports.llhttp_method_name(this.#exports.llhttp_get_method(parser)));
          message.minor = this.#exports.llhttp_get_http_minor(parser);
          message.major = this.#exports.llhttp_get_http_major(parser);
          return this.#skipsBody ? 1 : 0;
        },
        wasm_on_body: (_parser: number, at: number, length: number) => {
          current().body += text(at, length);
          return 0;
        },
        wasm_on_message_complete: () => {
          current().isComplete = true;
          return 0;
        },
      },
    });
    this.#exports = instance.exports as unknown as LlhttpExports;
    this.#exports._initialize();
    this.#inputBytesMax = inputBytesMax;
    this.#input = this.#exports.malloc(inputBytesMax);
  }

  #text(at: number): string {
    if (at === 0) return "";
    const memory = Buffer.from(this.#exports.memory.buffer);
    return memory.toString("latin1", at, memory.indexOf(0, at));
  }

  /** Reads everything at once, then the end of the connection. */
  read(
    bytes: Uint8Array,
    options: { readonly kind: keyof typeof LlhttpType; readonly isHead?: boolean },
  ): LlhttpResult {
    if (bytes.length > this.#inputBytesMax) throw new Error("the input is larger than the buffer for it");
    const parser = this.#exports.llhttp_alloc(LlhttpType[options.kind]);
    this.#messages = [];
    this.#skipsBody = options.isHead === true;
    try {
      new Uint8Array(this.#exports.memory.buffer, this.#input, bytes.length).set(bytes);
      let error = this.#exports.llhttp_execute(parser, this.#input, bytes.length);
      if (error === 0) error = this.#exports.llhttp_finish(parser);
      const isRefused = error !== 0 && error !== pausedUpgrade;
      return {
        error: isRefused ? this.#text(this.#exports.llhttp_errno_name(error)) : undefined,
        reason: isRefused ? this.#text(this.#exports.llhttp_get_error_reason(parser)) : "",
        messages: this.#messages.filter((message) => message.hasHead),
      };
    } finally {
      this.#exports.llhttp_free(parser);
    }
  }
}

function freshMessage(): Building {
  return {
    target: "",
    status: 0,
    headers: [],
    body: "",
    isUpgrade: false,
    isComplete: false,
    hasHead: false,
    isLastField: false,
    method: "",
    minor: 0,
    major: 0,
  };
}

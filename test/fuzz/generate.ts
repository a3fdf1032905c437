/** Small and reproducible: the same seed gives the same inputs on every machine (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 <= result < below */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  oneOf<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** True once in `n` throws. */
  once(n: number): boolean {
    return this.below(n) === 0;
  }
}

export interface Generated {
  readonly kind: "request" | "response";
  /** The response answers HEAD. */
  readonly isHead: boolean;
  readonly bytes: Buffer;
}

/** An input: one to three messages of the grammar below, and in two of three cases some damage. */
export function generate(seed: number): Generated {
  const dice = new Dice(seed);
  const kind = dice.once(2) ? "request" : "response";
  const isHead = kind === "response" && dice.once(10);
  let text = "";
  for (let count = dice.oneOf([1, 1, 2, 3]); count > 0; count--)
    text += kind === "request" ? request(dice) : response(dice);
  let bytes: Buffer = Buffer.from(text, "latin1");
  if (!dice.once(3)) for (let count = 1 + dice.below(3); count > 0; count--) bytes = damage(dice, bytes);
  return { kind, isHead, bytes };
}

/** Choices that are legal stand first and are taken nine times in ten. */
function part(dice: Dice, legal: readonly string[], odd: readonly string[]): string {
  return dice.once(10) ? dice.oneOf(odd) : dice.oneOf(legal);
}

function lineEnd(dice: Dice): string {
  return dice.once(60) ? dice.oneOf(["\n", "\r", "\r\r\n", "\n\r", " \r\n", "\0\r\n"]) : "\r\n";
}

function request(dice: Dice): string {
  const method = part(
    dice,
    ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH"],
    ["get", "PURGE", "CONNECT", "TRACE", "PRI", "M-SEARCH", "", "G ET", "FOO"],
  );
  const target = part(
    dice,
    ["/", "/a", "/a/b?c=d&e", "/%20", "/a;b=c", "http://h/p", "/~x!$'()*+,:@"],
    [
      "*",
      "",
      "a",
      "/a b",
      "/\x80",
      "/a#b",
      "/\x01",
      "http://",
      "http://u@h/",
      "https://h:443/",
      "//x",
      "/<>",
      '/"',
      "?q",
      "h:443",
      "/|",
      "ftp://h/",
    ],
  );
  const version = part(
    dice,
    ["HTTP/1.1", "HTTP/1.1", "HTTP/1.0"],
    [
      "HTTP/0.9",
      "HTTP/1.2",
      "HTTP/2.0",
      "http/1.1",
      "HTTP/1.1 ",
      "HTTP/1",
      "HTTP/1.10",
      "ICY/1.0",
      "",
      "HTTP/11",
      "RTSP/1.0",
      "HTTPS/1.1",
    ],
  );
  const space = (): string => (dice.once(60) ? dice.oneOf(["  ", "\t", "", "\r"]) : " ");
  const before = dice.once(30) ? dice.oneOf(["\r\n", "\n", "\r\n\r\n", " ", "\r"]) : "";
  const host = dice.once(15)
    ? ""
    : field(dice, "Host", part(dice, ["a", "a.b:80", "[::1]"], ["", "a b", "a/b", "u@a", "a,b", "a:x", "\x80"]));
  const [framing, body] = framed(dice, false);
  return `${before}${method}${space()}${target}${space()}${version}${lineEnd(dice)}${host}${otherFields(dice)}${framing}${lineEnd(dice)}${body}`;
}

function response(dice: Dice): string {
  const version = part(
    dice,
    ["HTTP/1.1", "HTTP/1.1", "HTTP/1.0"],
    ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "http/1.1", "HTTP/1", "ICY", "HTTP/11", "RTSP/1.0"],
  );
  const status = part(
    dice,
    ["200", "204", "304", "404", "500", "100", "103", "101", "299"],
    ["20", "2000", "099", "600", "999", "2x0", "-20", "", " 200"],
  );
  const reason = part(dice, [" OK", " Not Found", " "], ["", "\tOK", " \x80", " a\0b", "  x", "OK"]);
  const [framing, body] = framed(dice, true);
  return `${version} ${status}${reason}${lineEnd(dice)}${otherFields(dice)}${framing}${lineEnd(dice)}${body}`;
}

function field(dice: Dice, name: string, value: string): string {
  const spelled = dice.once(8) ? (dice.once(2) ? name.toUpperCase() : name.toLowerCase()) : name;
  const colon = dice.once(60) ? dice.oneOf([" :", "\t:", "", "::", ";"]) : ":";
  const before = dice.oneOf([" ", " ", " ", "", "\t", "  "]);
  const after = dice.once(10) ? dice.oneOf([" ", "\t", "  "]) : "";
  return `${spelled}${colon}${before}${value}${after}${lineEnd(dice)}`;
}

function otherFields(dice: Dice): string {
  let text = "";
  for (let count = dice.oneOf([0, 0, 1, 2, 4]); count > 0; count--) {
    const name = part(
      dice,
      ["Accept", "X-Y", "Cookie", "User-Agent", "Cache-Control", "X_Y"],
      [
        "",
        "X Y",
        "X\0",
        "\x80",
        "Content-Lengt",
        "X(",
        " X",
        "\tX",
        "Keep-Alive",
        "Proxy-Connection",
        "Expect",
        "Trailer",
        "TE",
        "Upgrade",
      ],
    );
    const value = part(
      dice,
      ["", "a", "a b", '"q, r"', "\x80\xff", "*/*", "a\tb"],
      ["a\0b", "a\x01b", "a\x7fb", "a\rb", "a\nb", "a\r\n b", "a\r\n\tb", "\x1b"],
    );
    text += field(dice, name, value);
  }
  if (dice.once(4)) {
    const value = part(
      dice,
      ["close", "keep-alive", "Keep-Alive, X-Y", "x-y", "upgrade"],
      ["close, keep-alive", "", ",", "content-length", "close close", "host"],
    );
    text += field(dice, part(dice, ["Connection"], ["Proxy-Connection"]), value);
  }
  if (dice.once(12)) text += field(dice, "Upgrade", dice.oneOf(["websocket", "h2c", "a, b", ""]));
  return text;
}

const bodies = ["", "a", "abc", "0123456789", "\r\n", "GET / HTTP/1.1\r\n\r\n", "\0\x80"];

/** Header lines that frame a body, and the body; now and then they do not belong together. */
function framed(dice: Dice, isResponse: boolean): readonly [string, string] {
  const body = dice.oneOf(bodies);
  switch (dice.below(8)) {
    case 0:
    case 1:
      return ["", isResponse && dice.once(2) ? body : ""];
    case 2:
    case 3:
    case 4: {
      const length = part(
        dice,
        [String(body.length)],
        [
          "0",
          "1",
          "-1",
          "+1",
          "0x1",
          "1,1",
          "1, 1",
          "01",
          "",
          "1 1",
          "99999999999999999999",
          "18446744073709551617",
          "a",
          "1a",
          "9007199254740993",
        ],
      );
      const twice = dice.once(25) ? field(dice, "Content-Length", dice.oneOf([length, "1"])) : "";
      return [field(dice, "Content-Length", length) + twice, body];
    }
    default: {
      const coding = part(
        dice,
        ["chunked", "chunked", "Chunked"],
        [
          "gzip",
          "gzip, chunked",
          "chunked, gzip",
          "chunked, chunked",
          "identity",
          "xchunked",
          "chunked;q=1",
          '"chunked"',
          "",
          "chunked,",
          ", chunked",
          "chunke",
        ],
      );
      const twice = dice.once(25) ? field(dice, "Transfer-Encoding", dice.oneOf(["chunked", "identity", "gzip"])) : "";
      const length = dice.once(20) ? field(dice, "Content-Length", String(body.length)) : "";
      return [
        dice.once(2)
          ? field(dice, "Transfer-Encoding", coding) + twice + length
          : length + field(dice, "Transfer-Encoding", coding) + twice,
        chunks(dice),
      ];
    }
  }
}

function chunks(dice: Dice): string {
  let text = "";
  for (let count = dice.below(4); count > 0; count--) {
    const data = dice.oneOf(bodies.slice(1));
    const hex = data.length.toString(16);
    const size = part(
      dice,
      [hex, hex.toUpperCase(), `0${hex}`],
      [
        `0x${hex}`,
        `-${hex}`,
        `+${hex}`,
        ` ${hex}`,
        `${hex} `,
        `${hex}\t`,
        "",
        "g",
        "ffffffffffffffff",
        "10000000000000000",
        `1${hex}`,
      ],
    );
    const extension = part(
      dice,
      ["", "", "", ";a", ";a=b", ';a="b c"'],
      [";", ";;", "; a", ";a=", ';a="b', ";\0", ";\x80", ";a=b ;c", " ;a", ';a="\r"'],
    );
    const behind = dice.once(40) ? dice.oneOf(["\n", "", "\r", "x\r\n"]) : "\r\n";
    text += `${size}${extension}${lineEnd(dice)}${data}${behind}`;
  }
  const last = part(dice, ["0", "00"], ["", "0x0", "0 ", "0;a", "-0"]);
  const trailers = dice.once(4)
    ? field(
        dice,
        part(dice, ["X-T", "Content-Length", "X_T"], ["", "X T", "\0"]),
        part(dice, ["a", "", "5"], ["a\0", "\r\n b", "\x7f"]),
      )
    : "";
  return `${last}${lineEnd(dice)}${trailers}${lineEnd(dice)}`;
}

const interesting = Buffer.from(
  '\r\n\0 \t:;,="\\/?#@[](){}<>+-_.0129aAfFgGxXzZ\x01\x0b\x0c\x1f\x7f\x80\xa0\xff',
  "latin1",
);

function damage(dice: Dice, bytes: Buffer): Buffer {
  if (bytes.length === 0) return bytes;
  const at = dice.below(bytes.length);
  const byte = Buffer.from([interesting[dice.below(interesting.length)]!]);
  const other = Math.min(bytes.length, at + 1 + dice.below(12));
  const before = bytes.subarray(0, at);
  switch (dice.below(7)) {
    case 0:
      return Buffer.concat([before, byte, bytes.subarray(at)]);
    case 1:
      return Buffer.concat([before, byte, bytes.subarray(at + 1)]);
    case 2:
      return Buffer.concat([before, bytes.subarray(at + 1)]);
    case 3:
      return Buffer.concat([before, bytes.subarray(other)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, other), bytes.subarray(at)]);
    case 5:
      return dice.once(4) ? before : Buffer.concat([before, Buffer.from([bytes[at]! ^ 0x20]), bytes.subarray(at + 1)]);
    default: {
      // A line taken out, or said twice.
      const start = bytes.lastIndexOf("\n", at) + 1;
      const end = bytes.indexOf("\n", at) + 1 || bytes.length;
      const line = bytes.subarray(start, end);
      return Buffer.concat(
        dice.once(2)
          ? [bytes.subarray(0, start), bytes.subarray(end)]
          : [bytes.subarray(0, end), line, bytes.subarray(end)],
      );
    }
  }
}

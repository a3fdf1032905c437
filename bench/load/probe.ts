import { connect } from "node:net";

/**
 * Bytes of one whole answer (head and body), as this peer sends it. Every answer of a case has the same length, so the
 * bytes that wrk counts show a lost, added or shifted byte in any of them, without the price of comparing each.
 * Rejects where the answer is not 200, has no Content-Length, or its body differs.
 */
export function answerBytes(options: {
  readonly port: number;
  readonly path: string;
  readonly expected: Buffer;
  readonly post?: Buffer;
  readonly isClosing: boolean;
}): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const socket = connect({ port: options.port, host: "127.0.0.1" });
  const chunks: Buffer[] = [];
  const judge = (): void => {
    const whole = Buffer.concat(chunks);
    const headEnd = whole.indexOf("\r\n\r\n");
    if (headEnd < 0) return;
    const head = whole.subarray(0, headEnd).toString("latin1");
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    const body = whole.subarray(headEnd + 4);
    if (!head.startsWith("HTTP/1.1 200 ")) reject(new Error(`answered: ${head.split("\r\n")[0]}`));
    else if (Number(length) !== options.expected.length) reject(new Error(`Content-Length is ${length}`));
    else if (body.length < options.expected.length) return;
    else if (!body.equals(options.expected)) reject(new Error("the body differs"));
    else resolve(whole.length);
    socket.destroy();
  };
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    judge();
  });
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("closed before the answer was complete")));
  const method = options.post === undefined ? "GET" : "POST";
  const fields = [`Host: 127.0.0.1:${options.port}`];
  if (options.post !== undefined) {
    fields.push("Content-Type: application/octet-stream", `Content-Length: ${options.post.length}`);
  }
  if (options.isClosing) fields.push("Connection: close");
  socket.write(`${method} ${options.path} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`);
  if (options.post !== undefined) socket.write(options.post);
  return promise;
}

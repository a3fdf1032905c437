import { describe, expect, test } from "bun:test";
import { encodeFrame, frameBytesMax, FrameReader } from "./frame.ts";

function bytes(...messages: unknown[]): Uint8Array {
  return Uint8Array.from(messages.flatMap((message) => [...encodeFrame(message)]));
}

describe("FrameReader", () => {
  const messages = [{ kind: "a", text: "ü€😀" }, [], "", { kind: "b", list: [1, 2, 3] }];
  const stream = bytes(...messages);

  test("everything at once", () => {
    expect(new FrameReader().push(stream)).toEqual(messages);
  });

  test("byte by byte", () => {
    const reader = new FrameReader();
    expect([...stream].flatMap((byte) => reader.push(Uint8Array.of(byte)))).toEqual(messages);
  });

  test("cut at every place", () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const reader = new FrameReader();
      const got = [stream.subarray(0, cut), stream.subarray(cut)].flatMap((piece) => reader.push(piece));
      expect(got).toEqual(messages);
    }
  });

  test("keeps nothing of the buffer it was given", () => {
    const reader = new FrameReader();
    const piece = stream.slice(0, 10);
    reader.push(piece);
    piece.fill(0);
    expect(reader.push(stream.subarray(10))).toEqual(messages);
  });

  test("a length past the bound is refused before a byte of it is kept", () => {
    const header = new Uint8Array(4);
    new DataView(header.buffer).setUint32(0, frameBytesMax + 1);
    expect(new FrameReader().push(header)).toContain(`${frameBytesMax + 1} bytes`);
  });

  test("a length at the bound is waited for", () => {
    const header = new Uint8Array(4);
    new DataView(header.buffer).setUint32(0, frameBytesMax);
    expect(new FrameReader().push(header)).toEqual([]);
  });

  test.each([
    ["an empty body", Uint8Array.of(0, 0, 0, 0)],
    ["a body that is not JSON", Uint8Array.of(0, 0, 0, 1, 0x7b)],
  ])("%s ends the link", (_name, piece) => {
    expect(new FrameReader().push(piece)).toBe("a frame that is not JSON");
  });
});

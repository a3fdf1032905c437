import { describe, expect, test } from "bun:test";
import { findCommand, needs } from "./needs.ts";

describe("needs", () => {
  test("what is there changes no name", () => {
    const real = needs({ commands: ["sh"], files: ["/"] });
    expect(real.missing).toBe(false);
    expect(real.name("it works")).toBe("it works");
  });

  test("a missing command is named with the line that would install it", () => {
    const real = needs({ commands: ["sh", "no-such-command"] });
    expect(real.missing).toBe(true);
    expect(real.name("it works")).toBe("it works (needs no-such-command: apt-get install no-such-command)");
  });

  test("everything that is missing is named at once", () => {
    const real = needs({ files: ["/no/such/file"], also: { what: "IPv7", holds: false } });
    expect(real.name("it works")).toBe("it works (needs the file /no/such/file; IPv7)");
  });

  test("commands in sbin are found whatever PATH says", () => {
    expect(findCommand("sh")).toMatch(/\/sh$/);
    expect(findCommand("no-such-command")).toBeUndefined();
  });
});

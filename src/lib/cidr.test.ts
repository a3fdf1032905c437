import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compileCidrs, parseCidr } from "./cidr.ts";
import { ipFamily, ipKey, isLoopback } from "./ip.ts";

describe("ipFamily", () => {
  const rows: readonly (readonly [string, 0 | 4 | 6])[] = [
    ["0.0.0.0", 4],
    ["255.255.255.255", 4],
    ["127.0.0.1", 4],
    ["256.0.0.1", 0],
    ["01.2.3.4", 0],
    ["1.2.3", 0],
    ["1.2.3.4.5", 0],
    ["1.2.3.", 0],
    [".1.2.3", 0],
    ["1.2.3.4 ", 0],
    ["1.2.3.4/8", 0],
    ["", 0],
    ["::", 6],
    ["::1", 6],
    ["1::", 6],
    ["2001:db8::8a2e:370:7334", 6],
    ["1:2:3:4:5:6:7:8", 6],
    ["1:2:3:4:5:6:7::", 6],
    ["::2:3:4:5:6:7:8", 6],
    ["1:2:3:4:5:6:7:8:9", 0],
    ["1:2:3:4:5:6:7", 0],
    ["1:2:3:4::5:6:7:8", 0],
    ["1::2::3", 0],
    [":1:2:3:4:5:6:7", 0],
    ["1:2:3:4:5:6:7:", 0],
    [":", 0],
    [":::", 0],
    ["::12345", 0],
    ["::g", 0],
    ["fe80::1%eth0", 6],
    ["::ffff:10.0.0.1", 6],
    ["1:2:3:4:5:6:1.2.3.4", 6],
    ["1:2:3:4:5:6:7:1.2.3.4", 0],
    ["::1.2.3", 0],
    ["1.2.3.4::", 0],
    ["[::1]", 0],
  ];
  for (const [text, family] of rows)
    test(`${JSON.stringify(text)} is ${family}`, () => expect(ipFamily(text)).toBe(family));

  test("one address has one key", () => {
    expect(ipKey("::1")).toBe(ipKey("0:0:0:0:0:0:0:1"));
    expect(ipKey("2001:DB8::1")).toBe(ipKey("2001:db8:0::1"));
    expect(ipKey("1::2")).not.toBe(ipKey("1::3"));
    expect(ipKey("name")).toBe("name");
  });

  test("loopback", () => {
    expect(["127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1"].map(isLoopback)).toEqual([true, true, true, true]);
    expect(["128.0.0.1", "::2", "::", "localhost", "*"].map(isLoopback)).toEqual([false, false, false, false, false]);
  });
});

describe("parseCidr refuses", () => {
  const rows = [
    "",
    "/",
    "/8",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/08",
    "10.0.0.0/8/8",
    "10.0.0/8",
    "::/129",
    "fe80::1%eth0/64",
    "any",
    "10.0.0.0/255.0.0.0",
  ];
  for (const text of rows) test(JSON.stringify(text), () => expect(parseCidr(text)).toBeUndefined());
});

test("host bits are noticed", () => {
  expect(parseCidr("10.0.0.0/8")?.hasHostBits).toBe(false);
  expect(parseCidr("10.0.0.1/8")?.hasHostBits).toBe(true);
  expect(parseCidr("10.0.0.1")?.hasHostBits).toBe(false);
  expect(parseCidr("2001:db8::1/64")?.hasHostBits).toBe(true);
  expect(parseCidr("2001:db8::/64")?.hasHostBits).toBe(false);
});

describe("compileCidrs", () => {
  const rows: readonly (readonly [
    name: string,
    list: readonly string[],
    inside: readonly string[],
    outside: readonly string[],
  ])[] = [
    ["an empty list holds nothing", [], [], ["0.0.0.0", "::", ""]],
    ["a single address is itself", ["10.0.0.1"], ["10.0.0.1"], ["10.0.0.0", "10.0.0.2"]],
    ["edges of a /8", ["10.0.0.0/8"], ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0"]],
    [
      "high addresses are unsigned",
      ["224.0.0.0/4"],
      ["224.0.0.0", "239.255.255.255"],
      ["223.255.255.255", "240.0.0.0"],
    ],
    ["/0 is every IPv4 address and no IPv6 one", ["0.0.0.0/0"], ["0.0.0.0", "255.255.255.255"], ["::", "::1"]],
    [
      "/31 and /32",
      ["10.0.0.2/31", "10.0.0.9/32"],
      ["10.0.0.2", "10.0.0.3", "10.0.0.9"],
      ["10.0.0.1", "10.0.0.4", "10.0.0.8", "10.0.0.10"],
    ],
    [
      "mapped addresses match IPv4 networks",
      ["10.0.0.0/8"],
      ["::ffff:10.1.2.3", "::ffff:a01:203"],
      ["::ffff:11.0.0.0", "::10.1.2.3"],
    ],
    ["a mapped network is an IPv4 network", ["::ffff:10.0.0.0/104"], ["10.1.2.3", "::ffff:10.1.2.3"], ["11.0.0.0"]],
    ["::/0 holds IPv6 only", ["::/0"], ["::", "2001:db8::1"], ["10.0.0.1", "::ffff:10.0.0.1"]],
    [
      "edges of an IPv6 network",
      ["2001:db8::/33"],
      ["2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"],
      ["2001:db8:8000::", "2001:db7:ffff::"],
    ],
    ["a zone is no part of the address", ["fe80::/10"], ["fe80::1%eth0"], ["fec0::1%eth0"]],
    [
      "nested networks in any order",
      ["10.1.0.0/16", "10.0.0.0/8", "10.1.2.0/24", "192.168.0.0/16"],
      ["10.1.2.3", "10.200.0.1", "192.168.9.9"],
      ["192.169.0.0"],
    ],
    ["text that is no address", ["0.0.0.0/0", "::/0"], [], ["", "localhost", "1.2.3", "10.0.0.1:80", "[::1]", "unix:"]],
  ];
  for (const [name, list, inside, outside] of rows) {
    test(name, () => {
      const contains = compileCidrs(list);
      expect(inside.filter((address) => !contains(address))).toEqual([]);
      expect(outside.filter(contains)).toEqual([]);
    });
  }

  test("a bad entry throws", () => expect(() => compileCidrs(["10.0.0.0/33"])).toThrow(TypeError));

  test("says what a bit-by-bit comparison says", () => {
    const bits = (value: number, count: number) => value.toString(2).padStart(count, "0");
    const quad = fc.tuple(fc.nat(3), fc.nat(255), fc.nat(3), fc.nat(255));
    const network = fc.tuple(quad, fc.nat(32));
    fc.assert(
      fc.property(fc.array(network, { maxLength: 8 }), quad, (networks, address) => {
        const text = (octets: readonly number[]) => octets.map((octet) => bits(octet, 8)).join("");
        const expected = networks.some(
          ([octets, prefix]) => text(octets).slice(0, prefix) === text(address).slice(0, prefix),
        );
        const list = networks.map(([octets, prefix]) => `${octets.join(".")}/${prefix}`);
        expect(compileCidrs(list)(address.join("."))).toBe(expected);
      }),
    );
    const words = fc.array(fc.constantFrom(0, 1, 0x8000, 0xffff), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(fc.tuple(words, fc.nat(128)), { maxLength: 6 }), words, (networks, address) => {
        fc.pre(
          [address, ...networks.map(([octets]) => octets)].every(
            (each) => !each.slice(0, 5).every((word) => word === 0),
          ),
        );
        const text = (each: readonly number[]) => each.map((word) => bits(word, 16)).join("");
        const hex = (each: readonly number[]) => each.map((word) => word.toString(16)).join(":");
        const expected = networks.some(
          ([each, prefix]) => text(each).slice(0, prefix) === text(address).slice(0, prefix),
        );
        expect(compileCidrs(networks.map(([each, prefix]) => `${hex(each)}/${prefix}`))(hex(address))).toBe(expected);
      }),
    );
  });
});

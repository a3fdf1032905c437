/** Is an address in a list of networks? The compiled list against a walk over its entries, as `trust` asks it. */
import { compileCidrs, parseCidr } from "../../src/lib/cidr.ts";
import { parseIpv4 } from "../../src/lib/ip.ts";
import { compare } from "./harness.ts";

const addresses = Array.from(
  { length: 1024 },
  (_, index) => `10.${index % 256}.${(index * 7) % 256}.${(index * 13) % 256}`,
);

for (const size of [1, 10, 1000]) {
  const list = Array.from({ length: size }, (_, index) => `10.${index % 256}.${index >> 8}.0/28`);
  const contains = compileCidrs(list);
  const entries = list.map(parseCidr);
  const walk = (address: string): boolean => {
    const value = parseIpv4(address);
    return entries.some((entry) => entry?.family === 4 && value >= entry.first && value <= entry.last);
  };
  const address = (turn: number): string => addresses[turn & 1023] ?? "";
  compare(`one address, ${size} networks`, [
    { name: "compiled", run: (turn) => Number(contains(address(turn))) },
    { name: "walk", run: (turn) => Number(walk(address(turn))) },
  ]);
}

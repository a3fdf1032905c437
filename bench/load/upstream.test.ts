import { expect, test } from "bun:test";
import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import { once } from "node:events";
import { differsInConnections, openConnections } from "./upstream.ts";

const rows: [name: string, own: [number, number], reference: [number, number], differs: boolean][] = [
  ["equal", [64, 0], [64, 0], false],
  ["6 of 64 are less than a tenth", [64, 0], [58, 0], false],
  ["8 of 64 are more than a tenth", [64, 0], [56, 0], true],
  ["too few count as much as too many", [40, 0], [64, 0], true],
  ["a few connections are no difference, whatever their share", [16, 0], [21, 0], false],
  ["a connection per request shows in what was opened", [2, 1264], [66, 0], true],
];
for (const [name, own, reference, differs] of rows) {
  test(name, () => {
    const use = ([open, opened]: [number, number]) => ({ open, opened });
    expect(differsInConnections(use(own), use(reference))).toBe(differs);
  });
}

test("open connections are counted by the listening side's port", async () => {
  const accepted: Socket[] = [];
  const server = createServer((socket) => accepted.push(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const clients = [1, 2, 3].map(() => connect(port, "127.0.0.1"));
  await Promise.all(clients.map((client) => once(client, "connect")));
  expect(openConnections([port])).toBe(3);
  for (const socket of [...clients, ...accepted]) socket.destroy();
  server.close();
});

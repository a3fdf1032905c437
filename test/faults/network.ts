import { existsSync } from "node:fs";

/**
 * The machines of the failure table: one network namespace each, on one bridge that lies in a namespace of its own, so that
 * nothing of the machine's own network is touched.
 *
 *     client ── balancer ── endpoint 1, 2, 3        10.213.0.1, .2, .11, .12, .13
 */
export interface Network {
  readonly client: Place;
  readonly balancer: Place;
  readonly endpoints: readonly Place[];
  /** Drops every frame from and to a place; its link stays up, so that nobody is told. */
  cut(place: Place): Promise<void>;
  heal(place: Place): Promise<void>;
  /** Ends what still runs in the namespaces, by id, and takes them away. */
  remove(): Promise<void>;
}

export interface Place {
  readonly namespace: string;
  readonly ip: string;
  /** Its end of the cable on the bridge. */
  readonly port: string;
}

const prefix = "wstf";

export async function createNetwork(endpoints = 3): Promise<Network> {
  await removeLeftOvers();
  const base = `${prefix}${process.pid}`;
  const bridge = `${base}-sw`;
  const place = (name: string, host: number): Place => ({
    namespace: `${base}-${name}`,
    ip: `10.213.0.${host}`,
    port: `p-${name}`,
  });
  const places = [
    place("cl", 1),
    place("lb", 2),
    ...Array.from({ length: endpoints }, (_, index) => place(`b${index + 1}`, 11 + index)),
  ];
  const [client, balancer, ...rest] = places as [Place, Place, ...Place[]];
  const remove = async (): Promise<void> => {
    for (const one of [...places.map(({ namespace }) => namespace), bridge]) await removeNamespace(one);
  };
  try {
    await ip("netns", "add", bridge);
    await ip("-n", bridge, "link", "add", "sw", "type", "bridge");
    await ip("-n", bridge, "link", "set", "sw", "up");
    for (const one of places) await plugIn(one, bridge);
    await nft(bridge, "add table bridge faults");
    // Forwarded frames only: nothing on the bridge itself is asked.
    await nft(bridge, "add chain bridge faults cut { type filter hook forward priority 0; }");
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    client,
    balancer,
    endpoints: rest,
    async cut(one) {
      await nft(bridge, `add rule bridge faults cut iifname ${one.port} drop`);
      await nft(bridge, `add rule bridge faults cut oifname ${one.port} drop`);
    },
    heal: () => nft(bridge, "flush chain bridge faults cut"),
    remove,
  };
}

/** The machine itself, for what needs no namespace. */
export const here: Place = { namespace: "", ip: "127.0.0.1", port: "" };

/** The command that runs `command` there; `ip` replaces itself, so the id is the program's. */
export function inPlace(place: Place, command: readonly string[]): readonly string[] {
  if (place === here) return command;
  return ["ip", "netns", "exec", place.namespace, ...command];
}

/** Process ids in a namespace. */
export async function processesIn(namespace: string): Promise<readonly number[]> {
  const out = await ip("netns", "pids", namespace).catch(() => "");
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);
}

async function plugIn(place: Place, bridge: string): Promise<void> {
  const { namespace, port } = place;
  await ip("netns", "add", namespace);
  await ip("-n", namespace, "link", "set", "lo", "up");
  await ip("-n", namespace, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", bridge);
  await ip("-n", namespace, "addr", "add", `${place.ip}/24`, "dev", "eth0");
  await ip("-n", namespace, "link", "set", "eth0", "up");
  await ip("-n", bridge, "link", "set", port, "master", "sw");
  await ip("-n", bridge, "link", "set", port, "up");
}

async function removeNamespace(namespace: string): Promise<void> {
  if (!existsSync(`/run/netns/${namespace}`)) return;
  for (const pid of await processesIn(namespace)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
  await ip("netns", "del", namespace).catch(() => undefined);
}

/** What a run left behind that was killed: the process whose id is in the name is gone. */
async function removeLeftOvers(): Promise<void> {
  const names = (await ip("netns", "list")).split("\n").map((line) => line.split(" ")[0] ?? "");
  for (const name of names) {
    const owner = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) await removeNamespace(name);
  }
}

function ip(...words: string[]): Promise<string> {
  return call(["ip", ...words]);
}

async function nft(namespace: string, command: string): Promise<void> {
  await call(["ip", "netns", "exec", namespace, "nft", command]);
}

async function call(command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(`${command.join(" ")}: ${err.trim()}`);
  return out;
}

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { ipv6Words, parseIpv4, parseIpv6 } from "../lib/ip.ts";
import type { PortHolder } from "./ports.ts";
import { commandLine, shortName } from "./processes.ts";
import { userName } from "./users.ts";

/** State "listen" in /proc/net/tcp (include/net/tcp_states.h). */
const listenState = "0A";

/** A listening socket as /proc/net/tcp{,6} shows it. */
interface Listening {
  readonly inode: string;
  readonly uid: number;
}

/**
 * Who listens on an address so that nobody else can: on the address itself, or on a wildcard of the same port.
 * The process behind the socket is found through /proc/PID/fd, which only root and the same user may read.
 */
export function portHolder(address: { readonly host: string; readonly port: number }): PortHolder | undefined {
  const listening = listeningOn(address);
  if (listening === undefined) return undefined;
  const user = userName(listening.uid);
  const pid = processWithSocket(listening.inode);
  const name = pid === undefined ? undefined : shortName(pid);
  const command = pid === undefined ? undefined : commandLine(pid);
  return {
    uid: listening.uid,
    ...(user === undefined ? {} : { user }),
    ...(pid === undefined ? {} : { pid }),
    ...(name === undefined ? {} : { name }),
    ...(command === undefined ? {} : { command }),
  };
}

function listeningOn({ host, port }: { readonly host: string; readonly port: number }): Listening | undefined {
  const wanted = procAddress(host);
  const isWildcard = wanted === undefined || /^0+$/.test(wanted);
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of lines(table)) {
      // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
      const fields = line.trim().split(/\s+/);
      const [addressHex, portHex] = (fields[1] ?? "").split(":");
      if (fields[3] !== listenState || addressHex === undefined || portHex === undefined) continue;
      if (Number.parseInt(portHex, 16) !== port) continue;
      if (!isWildcard && addressHex !== wanted && !/^0+$/.test(addressHex)) continue;
      return { uid: Number(fields[7]), inode: fields[9] ?? "" };
    }
  }
  return undefined;
}

/** The kernel prints each 32-bit word of an address in the byte order of the machine (little-endian). */
function procAddress(host: string): string | undefined {
  const ipv4 = parseIpv4(host);
  if (ipv4 >= 0) return wordHex(ipv4);
  const words = new Uint32Array(ipv6Words);
  return parseIpv6(host, words) ? [...words].map(wordHex).join("") : undefined;
}

function wordHex(word: number): string {
  const bytes = [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0").toUpperCase()).join("");
}

function processWithSocket(inode: string): number | undefined {
  const link = `socket:[${inode}]`;
  for (const name of names("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const folder = `/proc/${name}/fd`;
    for (const descriptor of names(folder)) {
      try {
        if (readlinkSync(`${folder}/${descriptor}`) === link) return Number(name);
      } catch {
        // Closed since the folder was listed.
      }
    }
  }
  return undefined;
}

/** Empty where the process is gone or not ours to look at. */
function names(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Without the heading; empty where there is no such table (IPv6 off). */
function lines(table: string): readonly string[] {
  try {
    return readFileSync(table, "latin1").trimEnd().split("\n").slice(1);
  } catch {
    return [];
  }
}

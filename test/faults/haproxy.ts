import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Child } from "../support/child.ts";
import { findCommand } from "../support/needs.ts";
import { eventually, within } from "../support/within.ts";
import { inPlace } from "./network.ts";
import { fillIn, listenPort, type Subject, type SubjectPlan } from "./subject.ts";

/** Deployers say 40000; it starts nowhere where the limit on descriptors is below twice that, and far fewer are needed. */
const connectionsMax = 8000;
/** POST and PATCH leave once: what a tuned HAProxy does by `disable-l7-retry`. */
const idempotentOnly = "    http-request disable-l7-retry if { method POST PATCH }";

/** Starts HAProxy in master-worker mode, as deployers do; ready when its admin socket answers. */
export async function startHaproxy({ name, network, origins, folder }: SubjectPlan): Promise<Subject> {
  const socket = join(folder, "haproxy.sock");
  const file = join(folder, "haproxy.cfg");
  const text = fillIn(name === "deployed" ? "deployed.cfg" : "tuned.cfg", {
    socket,
    connections: String(connectionsMax),
    bind: `${network.balancer.ip}:${listenPort}`,
    retry: name === "tuned-posts" ? "" : idempotentOnly,
    servers: origins.map((one) => `    server ${one.name} ${one.address}`).join("\n"),
  });
  writeFileSync(file, text);
  const binary = findCommand("haproxy") ?? "haproxy";
  const child = new Child(inPlace(network.balancer, [binary, "-W", "-db", "-f", file]));
  const isUp = async (): Promise<boolean> =>
    existsSync(socket) && (await tell(socket, "show info").catch(() => "")).includes("Pid:");
  try {
    await eventually("HAProxy answers on its socket", async () => {
      if (child.exitCode !== undefined) throw new Error(`HAProxy ended:\n${child.output}`);
      return (await isUp()) || undefined;
    });
  } catch (error) {
    await child.stop();
    throw error;
  }
  const pidNow = async (): Promise<string> => /^Pid: (\d+)/m.exec(await tell(socket, "show info"))?.[1] ?? "";
  return {
    name,
    ours: undefined,
    output: () => child.output,
    async reload() {
      const before = await pidNow();
      child.signal("SIGUSR2");
      await eventually("HAProxy has a new worker", async () => {
        const now = await pidNow().catch(() => "");
        return now !== "" && now !== before ? true : undefined;
      });
    },
    async drain(endpoint) {
      await tell(socket, `set server api/${endpoint} state drain`);
    },
    async ready(endpoint) {
      await tell(socket, `set server api/${endpoint} state ready`);
    },
    async stop() {
      await child.stop(3000);
    },
  };
}

/** One command on HAProxy's admin socket, and its answer. */
function tell(path: string, command: string): Promise<string> {
  let answer = "";
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  Bun.connect({
    unix: path,
    socket: {
      open: (socket) => void socket.write(`${command}\n`),
      data(_socket, chunk) {
        answer += chunk.toString("latin1");
      },
      end: (socket) => void socket.end(),
      close: () => resolve(answer),
      error: (_socket, error) => reject(error),
    },
  }).catch(reject);
  return within(`HAProxy's answer to "${command}"`, promise, 2000);
}

/**
 * The clients of the soak as a program: `bun churn.ts HOST PORT`. Some behave, the others do what clients on the internet
 * do all day. SIGUSR2 ends them; the last line of output says how many of each kind there were.
 */
import type { Socket } from "bun";

const [host = "", port = ""] = process.argv.slice(2);
const steadyClients = 30;
const steadyPauseMs = 20;
const oddEveryMs = 10;

const counts = { answered: 0, failed: 0, vanished: 0, slowReaders: 0, abortedUploads: 0, slowHeads: 0 };
const leaving = new AbortController();
let number = 0;
const open = new Set<Socket<Odd>>();

/** A client that does not behave. */
interface Odd {
  readonly begin: (socket: Socket<Odd>) => void;
  readonly leaveAfterMs: number;
  readonly reads: "all" | "slowly";
}

async function steady(index: number): Promise<void> {
  while (!leaving.signal.aborted) {
    try {
      const isPost = ++number % 10 === 0;
      const answer = await fetch(`http://${host}:${port}/s${number}`, {
        method: isPost ? "POST" : "GET",
        keepalive: index % 2 === 0,
        signal: AbortSignal.timeout(15_000),
        ...(isPost ? { body: "x".repeat(number % 20_000) } : {}),
      });
      await answer.arrayBuffer();
      if (answer.ok) counts.answered++;
      else counts.failed++;
    } catch {
      // The endpoints flap, and what cannot be hidden reaches clients; failures.md has the faults one by one.
      counts.failed++;
    }
    await Bun.sleep(steadyPauseMs);
  }
}

const kinds: readonly (() => Odd)[] = [
  () => {
    counts.vanished++;
    const target = `/v${++number}`;
    return {
      begin: (socket) => void socket.write(`GET ${target} HTTP/1.1\r\nHost: soak\r\n\r\n`),
      leaveAfterMs: number % 8,
      reads: "all",
    };
  },
  () => {
    counts.slowReaders++;
    const target = `/big${++number}`;
    return {
      begin: (socket) => void socket.write(`GET ${target} HTTP/1.1\r\nHost: soak\r\n\r\n`),
      leaveAfterMs: 1000 + (number % 2000),
      reads: "slowly",
    };
  },
  () => {
    counts.abortedUploads++;
    const method = ++number % 2 === 0 ? "PUT" : "POST";
    const head = `${method} /u${number} HTTP/1.1\r\nHost: soak\r\nContent-Length: 500000\r\n\r\n`;
    return {
      begin: (socket) => void socket.write(head + "u".repeat(1 + (number % 100_000))),
      leaveAfterMs: number % 300,
      reads: "all",
    };
  },
  () => {
    counts.slowHeads++;
    return { begin: drip, leaveAfterMs: 500 + (++number % 1500), reads: "all" };
  },
];

/** A head that comes byte by byte and never ends. */
function drip(socket: Socket<Odd>): void {
  const dripping = setInterval(() => {
    if (open.has(socket)) socket.write("GET / HTTP/1.1\r\nX-Slow: ".charAt(dripped++) || "s");
    else clearInterval(dripping);
  }, 50);
  let dripped = 0;
}

const handlers = {
  open(socket: Socket<Odd>): void {
    open.add(socket);
    socket.data.begin(socket);
    // Half of them leave in order, half without a word.
    setTimeout(() => (number % 2 === 0 ? socket.end() : socket.terminate()), socket.data.leaveAfterMs);
  },
  data(socket: Socket<Odd>): void {
    if (socket.data.reads === "all") return;
    socket.pause();
    setTimeout(() => socket.resume(), 100);
  },
  close: (socket: Socket<Odd>) => void open.delete(socket),
  error: (socket: Socket<Odd>) => void open.delete(socket),
  connectError: () => {},
};

const odd = setInterval(() => {
  const ignored = (): void => {};
  const kind = kinds[number % kinds.length]!; // the index is in range
  Bun.connect({ hostname: host, port: Number(port), data: kind(), socket: handlers }).then(ignored, ignored);
}, oddEveryMs);

process.on("SIGUSR2", () => {
  leaving.abort();
  clearInterval(odd);
});
const finished = Promise.all(Array.from({ length: steadyClients }, (_, index) => steady(index)));
await finished;
while (open.size > 0) await Bun.sleep(50);
console.log(JSON.stringify(counts));
process.exit(0);

/**
 * An endpoint of the failure table as a program: `bun origin.ts IP PORT LOG`. Each request is written to the log before
 * anything else happens with it, so the log says what was executed even where the process is killed in the next moment
 * (the kernel has the line). Modes come as lines of JSON on standard input, and each is acknowledged by a line.
 */
import { openSync, writeSync } from "node:fs";
import type { Socket } from "bun";
import { healthyMode, type OriginMode } from "./origin-mode.ts";

const [ip = "", port = "", logFile = ""] = process.argv.slice(2);
const log = openSync(logFile, "a");
let mode: OriginMode = healthyMode;
let gets = 0;

/** What `/big…` answers: more than all buffers on the way hold. */
const bigBody = "b".repeat(4 << 20);

interface Incoming {
  text: string;
  isAnswering: boolean;
  /** What the kernel has not taken of the answer. */
  rest: string;
}

const socket = {
  open(one: Socket<Incoming>): void {
    one.data = { text: "", isAnswering: false, rest: "" };
  },
  data(one: Socket<Incoming>, chunk: Uint8Array): void {
    one.data.text += Buffer.from(chunk).toString("latin1");
    next(one);
  },
  drain(one: Socket<Incoming>): void {
    flush(one);
  },
};

let listener: { stop(closeActive?: boolean): void } | undefined = listen();

function listen(): { stop(closeActive?: boolean): void } {
  return Bun.listen<Incoming>({
    hostname: ip,
    port: Number(port),
    data: { text: "", isAnswering: false, rest: "" },
    socket,
  });
}

/** Takes the next whole request from what has come. */
function next(one: Socket<Incoming>): void {
  const incoming = one.data;
  if (incoming.isAnswering) return;
  const headEnd = incoming.text.indexOf("\r\n\r\n");
  if (headEnd < 0) return;
  const head = incoming.text.slice(0, headEnd);
  const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  const end = headEnd + 4 + length;
  if (incoming.text.length < end) return;
  incoming.text = incoming.text.slice(end);
  incoming.isAnswering = true;
  const [method = "", target = ""] = head.slice(0, head.indexOf("\r\n")).split(" ");
  if (target === "/healthcheck") answerCheck(one);
  else answerRequest(one, method, target.slice(1));
}

function answerCheck(one: Socket<Incoming>): void {
  if (mode.check === "as requests" && mode.answer !== "ok") misbehave(one, "check");
  else respond(one, mode.check === "fails" ? "503 Service Unavailable" : "200 OK", "check");
}

function answerRequest(one: Socket<Incoming>, method: string, id: string): void {
  const isGet = method === "GET";
  const isTurnedDown = mode.answer === "503";
  // Half of what is broken off was executed, half was not: a balancer cannot know.
  if (!isTurnedDown) writeSync(log, `${method} ${id}\n`);
  if (mode.answer !== "ok") {
    misbehave(one, id);
    return;
  }
  if (isGet) gets++;
  const isStuck = isGet && mode.stuckEach > 0 && gets % mode.stuckEach === 0;
  setTimeout(respond, isStuck ? mode.stuckMs : mode.serviceMs, one, "200 OK", id);
}

function respond(one: Socket<Incoming>, status: string, body: string): void {
  const whole = body.startsWith("big") ? bigBody : body;
  one.data.rest = `HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\nContent-Length: ${whole.length}\r\n\r\n${whole}`;
  flush(one);
}

function flush(one: Socket<Incoming>): void {
  const incoming = one.data;
  if (incoming.rest === "") return;
  incoming.rest = incoming.rest.slice(Math.max(0, one.write(incoming.rest)));
  if (incoming.rest !== "") return;
  incoming.isAnswering = false;
  next(one);
}

function misbehave(one: Socket<Incoming>, id: string): void {
  switch (mode.answer) {
    case "ok":
      return;
    case "503":
      respond(one, "503 Service Unavailable", id);
      return;
    case "reset":
      one.terminate();
      return;
    case "half a head":
      one.write("HTTP/1.1 200 OK\r\nContent-Type: text/pl");
      break;
    case "half a body":
      one.write(`HTTP/1.1 200 OK\r\nContent-Length: ${id.length * 2}\r\n\r\n${id}`);
      break;
    case "garbage":
      one.write("\u0016\u0003\u0001\u0000 this is not what you asked for\r\n\r\n");
      break;
    default:
      mode.answer satisfies never;
  }
  one.end();
}

/** Other clients' connections stay; only new ones are refused. */
function setListening(isWanted: boolean): void {
  if (isWanted) listener ??= listen();
  else {
    listener?.stop(false);
    listener = undefined;
  }
}

console.log("ready");
for await (const line of console) {
  mode = JSON.parse(line) as OriginMode;
  setListening(mode.isListening);
  console.log("ok");
}
// Whoever started us is gone.
process.exit(0);

import type { HealthCheckConfig } from "../../model/config.ts";
import { dialOnce, type OneShot } from "../net/one-shot.ts";
import { ResponseReader, type Verdict } from "./response-reader.ts";

/** One check at one address; two targets with the same fields are the same check. */
export interface CheckTarget {
  readonly ip: string;
  readonly port: number;
  readonly check: HealthCheckConfig;
  /** Value of the Host field; unused by tcp. */
  readonly hostField: string;
  readonly timeoutMs: number;
}

export type CheckResult =
  | (Verdict & { readonly kind: "judged" })
  /** We could not ask (no descriptor or local port left): says nothing about the endpoint. */
  | { readonly kind: "not-asked"; readonly evidence: string };

export interface CheckPorts {
  readonly timers: {
    /** Runs `run` once after `delayMs` unless the returned function is called before. */
    after(delayMs: number, run: () => void): () => void;
  };
}

/**
 * Connects, asks and judges, all within `timeoutMs`; `done` is called exactly once, later, unless the returned cancel
 * function was called first. Every check has its own connection: a kept one would not notice that nobody accepts any more.
 */
export function runCheck(target: CheckTarget, ports: CheckPorts, done: (result: CheckResult) => void): () => void {
  let stage: "connect" | "answer" = "connect";
  const reader = target.check.kind === "http" ? readerFor(target.check) : undefined;
  const finish = (result: CheckResult): void => {
    cancelTimer();
    connection.cancel();
    done(result);
  };
  const judged = (verdict: Verdict | undefined): void => {
    if (verdict !== undefined) finish({ kind: "judged", ...verdict });
  };
  const connection: OneShot = dialOnce(target, {
    opened() {
      if (target.check.kind === "tcp") return judged({ isOk: true, evidence: "connected" });
      stage = "answer";
      connection.write(requestText(target.check, target.hostField));
    },
    data: (bytes) => judged(reader?.push(bytes)),
    ended: () => judged(reader?.end()),
    failed(code) {
      if (notAskedCodes.has(code)) return finish({ kind: "not-asked", evidence: code });
      judged({ isOk: false, evidence: failureText(code, stage) });
    },
  });
  const cancelTimer = ports.timers.after(target.timeoutMs, () => {
    const what = stage === "connect" ? "no connection" : reader?.isInBody === true ? "no complete answer" : "no answer";
    finish({
      kind: "judged",
      isOk: false,
      evidence: `${what} in ${secondsText(target.timeoutMs)}`,
    });
  });
  return () => {
    cancelTimer();
    connection.cancel();
  };
}

/** Errors of our own side: no descriptors, no memory, no local port. */
const notAskedCodes: ReadonlySet<string> = new Set([
  "EMFILE",
  "ENFILE",
  "ENOMEM",
  "ENOBUFS",
  "EADDRNOTAVAIL",
  "EAGAIN",
]);

function failureText(code: string, stage: "connect" | "answer"): string {
  switch (code) {
    case "ECONNREFUSED":
      return "connect refused";
    case "ECONNRESET":
    case "EPIPE":
      return stage === "connect" ? "connect reset" : "connection reset before the answer was complete";
    case "EHOSTUNREACH":
      return "host unreachable";
    case "ENETUNREACH":
      return "network unreachable";
    case "ETIMEDOUT":
      return "connect timed out";
    case "EACCES":
    case "EPERM":
      return "connect forbidden by a local rule";
    default:
      return `connection failed: ${code}`;
  }
}

/** `1 s`, `1.5 s`, `250 ms` */
function secondsText(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${ms / 1000} s`;
}

function readerFor(check: HttpCheck): ResponseReader {
  const { method, expect } = check;
  return new ResponseReader({ method, ...expect });
}

type HttpCheck = Extract<HealthCheckConfig, { kind: "http" }>;

/** Fields of the configuration take the place of ours, so that an operator can look like any client. */
export function requestText(check: HttpCheck, hostField: string): string {
  const given = new Set(check.headers.map(({ name }) => name.toLowerCase()));
  const ours: readonly (readonly [string, string])[] = [
    ["Host", hostField],
    ["User-Agent", "weichensteller-check"],
    ["Accept", "*/*"],
    // RFC 9110 §8.6: a method that usually has content says that there is none.
    ...(["POST", "PUT", "PATCH"].includes(check.method) ? [["Content-Length", "0"] as const] : []),
  ];
  const lines = [`${check.method} ${check.path} HTTP/1.1`];
  for (const [name, value] of ours) {
    if (!given.has(name.toLowerCase())) lines.push(`${name}: ${value}`);
  }
  for (const { name, value } of check.headers) {
    if (name.toLowerCase() !== "connection") lines.push(`${name}: ${value}`);
  }
  lines.push("Connection: close", "", "");
  return lines.join("\r\n");
}

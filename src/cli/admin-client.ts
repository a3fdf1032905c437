import { addressText } from "../lib/address.ts";
import { AppError } from "../model/app-error.ts";
import type { StatusView } from "../model/status.ts";
import { type AdminTarget, targetText } from "./admin-target.ts";

/** An instance that takes longer to say how it is, is not well. */
const answerTimeoutMs = 5000;

/** Asks a running instance for its status. Throws AppError: `not-running`, `admin-forbidden`, `admin-bad-answer`. */
export async function fetchStatus(target: AdminTarget): Promise<StatusView> {
  const answer: unknown = await ask(target, "GET", "/api/v1/status");
  if (!isStatusView(answer)) throw new AppError("admin-bad-answer", `${targetText(target)}: what answers there is no weichensteller`);
  return answer;
}

/** Asks a running instance to drain and end; the answer comes before it has. Throws as `fetchStatus`. */
export async function requestStop(target: AdminTarget): Promise<void> {
  await ask(target, "POST", "/api/v1/stop");
}

async function ask(target: AdminTarget, method: string, path: string): Promise<unknown> {
  const signal = AbortSignal.timeout(answerTimeoutMs);
  const where = targetText(target);
  let response: Response;
  try {
    response =
      target.kind === "socket"
        ? await fetch(`http://admin${path}`, { method, signal, unix: target.path })
        : await fetch(`http://${addressText(target)}${path}`, { method, signal, redirect: "manual", proxy: "" });
  } catch (cause) {
    throw connectError(where, cause);
  }
  const body = await bodyOf(response);
  if (response.ok) return body;
  const { code, message } = problemOf(body);
  throw new AppError(response.status === 403 || response.status === 405 ? "admin-forbidden" : "admin-bad-answer", `${where}: ${message ?? `status ${response.status}`}${code === undefined ? "" : ` (${code})`}`);
}

function connectError(where: string, cause: unknown): AppError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (cause instanceof Error && cause.name === "TimeoutError") {
    return new AppError("admin-bad-answer", `${where}: no answer in ${answerTimeoutMs / 1000} s`, { cause });
  }
  if (code === "EACCES" || code === "EPERM") {
    return new AppError("admin-forbidden", `${where}: no permission; run this as the user of the instance or as a member of the socket's group`, { cause });
  }
  const why = code === "ENOENT" ? "there is no such socket" : code === "ECONNREFUSED" ? "nobody listens there" : code;
  return new AppError("not-running", `no running instance at ${where}${why === "" ? "" : ` (${why})`}; name another with --admin or -c`, { cause });
}

async function bodyOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return undefined; // no JSON: not our API, which the caller says
  }
}

function problemOf(body: unknown): { readonly code?: string; readonly message?: string } {
  if (typeof body !== "object" || body === null || !("error" in body)) return {};
  const { error } = body;
  if (typeof error !== "object" || error === null || !("code" in error) || !("message" in error)) return {};
  return { code: String(error.code), message: String(error.message) };
}

/** Enough to tell our API from another program's; the fields inside are ours then. */
function isStatusView(value: unknown): value is StatusView {
  return typeof value === "object" && value !== null && "pools" in value && Array.isArray(value.pools) && "workers" in value && "listeners" in value;
}

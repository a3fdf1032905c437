import { AppError } from "../model/app-error.ts";
import type { EndpointOverride, OverrideRequest } from "../model/override.ts";
import type { StatusView } from "../model/status.ts";
import { askHttp } from "../platform/http-client.ts";
import type { OsFailure } from "../platform/ports.ts";
import { type AdminTarget, targetText } from "./admin-target.ts";

/** An instance that takes longer to say how it is, is not well. */
const answerTimeoutMs = 5000;

/** Asks a running instance for its status. Throws AppError: `not-running`, `admin-forbidden`, `admin-bad-answer`. */
export async function fetchStatus(target: AdminTarget): Promise<StatusView> {
  const answer: unknown = await ask(target, "GET", "/api/v1/status");
  if (!isStatusView(answer))
    throw new AppError("admin-bad-answer", `${targetText(target)}: what answers there is no weichensteller`);
  return answer;
}

/** Asks a running instance to drain and end; the answer comes before it has. Throws as `fetchStatus`. */
export async function requestStop(target: AdminTarget): Promise<void> {
  await ask(target, "POST", "/api/v1/stop");
}

/** What stands over an endpoint's configuration after a change. */
export interface OverrideAnswer {
  readonly override: EndpointOverride | null;
  /** Why it holds only until the instance ends. */
  readonly notSaved?: string;
}

/** Asks for a state or weight of an endpoint. Throws as `fetchStatus`, and `unknown-name` where it does not exist. */
export async function requestOverride(
  target: AdminTarget,
  { pool, endpoint, change, actor, reason }: OverrideRequest,
): Promise<OverrideAnswer> {
  const place = `/api/v1/pools/${encodeURIComponent(pool)}/endpoints/${encodeURIComponent(endpoint)}`;
  const value = change.kind === "state" ? { state: change.state } : { weight: change.weight };
  const body = JSON.stringify({ ...value, actor, ...(reason === undefined ? {} : { reason }) });
  return (await ask(target, "POST", `${place}/${change.kind}`, body)) as OverrideAnswer;
}

async function ask(target: AdminTarget, method: string, path: string, given?: string): Promise<unknown> {
  const where = targetText(target);
  const question = { to: target, method, target: path, timeoutMs: answerTimeoutMs };
  const answer = await askHttp(given === undefined ? question : { ...question, body: given });
  if (!answer.ok) throw connectError(where, answer);
  const { status, body: text } = answer.value;
  const body = jsonOf(text);
  if (status >= 200 && status <= 299) return body;
  const { code, message = `status ${status}` } = problemOf(body);
  if (code === "unknown-name") throw new AppError("unknown-name", message);
  if (code === "bad-body") throw new AppError("bad-argument", message);
  const isForbidden = status === 403 || status === 405;
  throw new AppError(
    isForbidden ? "admin-forbidden" : "admin-bad-answer",
    `${where}: ${message}${code === undefined ? "" : ` (${code})`}`,
  );
}

function connectError(where: string, { code, text }: OsFailure): AppError {
  switch (code) {
    case "ETIMEDOUT":
      return new AppError("admin-bad-answer", `${where}: ${text}`);
    case "EACCES":
    case "EPERM":
      return new AppError(
        "admin-forbidden",
        `${where}: no permission; run this as the user of the instance or as a member of the socket's group`,
      );
    default: {
      const why =
        code === "ENOENT" ? "there is no such socket" : code === "ECONNREFUSED" ? "nobody listens there" : text;
      return new AppError("not-running", `no running instance at ${where} (${why}); name another with --admin or -c`);
    }
  }
}

/** Undefined where the text is no JSON: then it is not our API, which the caller says. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
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
  return (
    typeof value === "object" &&
    value !== null &&
    "pools" in value &&
    Array.isArray(value.pools) &&
    "workers" in value &&
    "listeners" in value
  );
}

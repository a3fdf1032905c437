import { failureFrom } from "./libc.ts";
import type { OsResult } from "./ports.ts";

/** One request of a command to a running instance. */
export interface HttpQuestion {
  readonly to: { readonly host: string; readonly port: number } | { readonly path: string };
  readonly method: string;
  /** Path of the URL. */
  readonly target: string;
  /** Absent: none. */
  readonly body?: string;
  /** For the whole exchange. */
  readonly timeoutMs: number;
}

/** Asks and reads the whole answer. A failure has the errno's name as code; `ETIMEDOUT` where `timeoutMs` ran out. */
export async function askHttp({
  to,
  method,
  target,
  body,
  timeoutMs,
}: HttpQuestion): Promise<OsResult<{ readonly status: number; readonly body: string }>> {
  const signal = AbortSignal.timeout(timeoutMs);
  const asked = body === undefined ? { method, signal } : { method, signal, body };
  try {
    const response =
      "path" in to
        ? await fetch(`http://admin${target}`, { ...asked, unix: to.path })
        : // A proxy of the environment has no business between a command and its instance.
          await fetch(`http://${to.host.includes(":") ? `[${to.host}]` : to.host}:${to.port}${target}`, {
            ...asked,
            redirect: "manual",
            proxy: "",
          });
    return { ok: true, value: { status: response.status, body: await response.text() } };
  } catch (error) {
    if (error instanceof Error && error.name === "TimeoutError")
      return { ok: false, code: "ETIMEDOUT", text: `no answer in ${timeoutMs / 1000} s` };
    return failureFrom(error);
  }
}

import { AppError, ExitCode } from "../model/app-error.ts";
import { overrideText } from "../core/health/why-text.ts";
import type { OverrideChange } from "../model/override.ts";
import { requestOverride } from "./admin-client.ts";
import type { AdminTarget } from "./admin-target.ts";
import type { CliIo } from "./io.ts";

export interface OverrideOptions {
  /** `POOL/ENDPOINT` */
  readonly place: string;
  readonly change: OverrideChange;
  readonly reason?: string;
}

/** `weichensteller drain|maint|ready|weight`: asks the running instance and says what holds now. */
export async function runOverride(
  target: AdminTarget,
  { place, change, reason }: OverrideOptions,
  io: CliIo,
): Promise<ExitCode> {
  const { pool, endpoint } = placeOf(place);
  const request = { pool, endpoint, change, actor: io.user() };
  const { override, notSaved } = await requestOverride(target, reason === undefined ? request : { ...request, reason });
  const { state, weight } = override ?? {};
  const now = [
    state === undefined ? "ready" : `${state.value.toUpperCase()} ${overrideText(state)}`,
    ...(weight === undefined ? [] : [`weight ${weight.value} ${overrideText(weight)}`]),
  ];
  io.out(`${place}: ${now.join(", ")}`);
  if (notSaved === undefined) return ExitCode.Ok;
  io.err(`weichensteller: ${notSaved}`);
  return ExitCode.Failure;
}

/** The first `/` divides: a pool's name has none. */
function placeOf(text: string): { readonly pool: string; readonly endpoint: string } {
  const at = text.indexOf("/");
  if (at > 0 && at < text.length - 1) return { pool: text.slice(0, at), endpoint: text.slice(at + 1) };
  throw new AppError("bad-argument", `${JSON.stringify(text)}: expected POOL/ENDPOINT, such as app/b1`);
}

import { addressText } from "../../lib/address.ts";
import type { Config, ListenerConfig } from "../../model/config.ts";

/**
 * What in `after` cannot be applied to a running instance of this version, one line each, naming the key; empty:
 * everything can. Sockets are bound and workers spawned at the start only.
 */
export function needsRestart(before: Config, after: Config): readonly string[] {
  return [...listenerChanges(before.listeners, after.listeners), ...processChanges(before, after)];
}

function listenerChanges(before: readonly ListenerConfig[], after: readonly ListenerConfig[]): readonly string[] {
  const lines: string[] = [];
  for (const old of before) {
    const successor = after.find(({ name }) => name === old.name);
    if (successor === undefined) lines.push(`listeners.${old.name} was removed`);
    else if (bindText(old) !== bindText(successor)) {
      lines.push(`listeners.${old.name}.bind changed from ${bindText(old)} to ${bindText(successor)}`);
    }
  }
  for (const { name } of after) {
    if (!before.some((old) => old.name === name)) lines.push(`listeners.${name} is new`);
  }
  return lines;
}

function processChanges(before: Config, after: Config): readonly string[] {
  const adminBind = (config: Config) => (config.admin.bind === undefined ? "none" : addressText(config.admin.bind));
  const keys: readonly (readonly [string, (config: Config) => string])[] = [
    ["admin.bind", adminBind],
    ["admin.socket", ({ admin }) => admin.socket],
    ["process.workers", ({ process }) => String(process.workers)],
    ["process.data", ({ process }) => process.data],
    ["process.user", ({ process }) => process.user ?? "none"],
  ];
  return keys.flatMap(([key, read]) => {
    return read(before) === read(after) ? [] : [`${key} changed from ${read(before)} to ${read(after)}`];
  });
}

function bindText({ bind }: ListenerConfig): string {
  return bind.map(addressText).join(", ");
}

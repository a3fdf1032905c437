import { lookup } from "node:dns";
import { ipFamily } from "../lib/ip.ts";
import type { Names, OsResult } from "./ports.ts";

export const names: Names = {
  resolve(host, { timeoutMs }) {
    if (ipFamily(host) !== 0) return Promise.resolve({ ok: true, value: [host] });
    return new Promise<OsResult<readonly string[]>>((settle) => {
      // getaddrinfo cannot be called off; its late answer finds the promise settled.
      const text = `no answer from the resolver in ${timeoutMs} ms`;
      const timer = setTimeout(() => settle({ ok: false, code: "ETIMEDOUT", text }), timeoutMs);
      lookup(host, { all: true }, (error, addresses) => {
        clearTimeout(timer);
        const found = error === null ? addresses.map(({ address }) => address) : [];
        if (error === null && found.length > 0) settle({ ok: true, value: found });
        else
          settle({
            ok: false,
            code: error?.code ?? "ENOTFOUND",
            text: resolverTexts[error?.code ?? "ENOTFOUND"] ?? error?.message ?? "no address",
          });
      });
    });
  },
};

const resolverTexts: Readonly<Record<string, string>> = {
  ENOTFOUND: "the name does not resolve",
  EAI_AGAIN: "the name does not resolve now (no name server answers)",
};

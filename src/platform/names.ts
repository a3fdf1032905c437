import { lookup } from "node:dns";
import { ipFamily } from "../lib/ip.ts";
import type { Names, OsResult } from "./ports.ts";

export const names: Names = {
  resolve(host, { timeoutMs }) {
    if (ipFamily(host) !== 0) return Promise.resolve({ ok: true, value: host });
    return new Promise<OsResult<string>>((settle) => {
      // getaddrinfo cannot be called off; its late answer finds the promise settled.
      const text = `no answer from the resolver in ${timeoutMs} ms`;
      const timer = setTimeout(() => settle({ ok: false, code: "ETIMEDOUT", text }), timeoutMs);
      lookup(host, {}, (error, address) => {
        clearTimeout(timer);
        if (error === null) settle({ ok: true, value: address });
        else
          settle({
            ok: false,
            code: error.code ?? "ENOTFOUND",
            text: resolverTexts[error.code ?? ""] ?? error.message,
          });
      });
    });
  },
};

const resolverTexts: Readonly<Record<string, string>> = {
  ENOTFOUND: "the name does not resolve",
  EAI_AGAIN: "the name does not resolve now (no name server answers)",
};

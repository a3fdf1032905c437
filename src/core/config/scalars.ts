import * as z from "zod";
import { parseCidr } from "../../lib/cidr.ts";
import { ipFamily, isLoopback } from "../../lib/ip.ts";
import {
  formatDuration,
  formatSize,
  parseByteRate,
  parseDuration,
  parseRate,
  parseShare,
  parseSize,
} from "../../lib/units.ts";
import type { BindAddress } from "../../model/config.ts";
import { token } from "../../lib/http-text.ts";
import { typeDocs } from "./describe.ts";
import type { TypeDoc } from "./describe.ts";

/**
 * The scalar types of the configuration. Each is a factory, because each use carries its own limits and documentation.
 * The message of every zod issue is a noun phrase that finishes the sentence "expected …"; `issues.ts` builds on that.
 */

/** What was expected instead, and what to write if that can be guessed; its result is to be returned at once. */
type Refuse = (expected: string, hint?: string) => never;

function scalar<T>(doc: TypeDoc, read: (text: string, refuse: Refuse) => T) {
  const schema = z.string({ error: doc.form }).transform((text, context) =>
    read(text, (message, hint) => {
      context.issues.push({ code: "custom", input: text, message, params: { hint } });
      return z.NEVER;
    }),
  );
  typeDocs.add(schema, doc);
  return schema;
}

interface Range {
  readonly min: number;
  readonly max: number;
}

/** Milliseconds. `zero` says what `0s` stands for; without it, `0s` is refused unless `min` is 0. */
export function duration({ min, max, zero }: Range & { readonly zero?: string }) {
  const range = `from ${formatDuration(min)} to ${formatDuration(max)}`;
  const form = "a duration with a unit (ms, s, m, h), such as 500ms or 2s";
  const limits = zero === undefined ? range : `0s (${zero}), or ${range}`;
  return scalar(
    {
      name: "duration",
      form,
      limits,
      pattern: "^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$",
      units: ["ms", "s", "m", "h"],
    },
    (text, refuse) => {
      const ms = parseDuration(text);
      if (ms === undefined) return refuse(form);
      if (ms === 0 && zero !== undefined) return 0;
      return ms >= min && ms <= max ? ms : refuse(`a duration: ${limits}`);
    },
  );
}

const sizeForm = "a size with a unit (B, KiB, MiB, GiB), such as 512B or 32KiB";
const sizePattern = "^[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB)$";
const sizeUnits = ["B", "KiB", "MiB", "GiB"];

/** Bytes. */
export function size({ min, max }: Range) {
  const limits = `from ${formatSize(min)} to ${formatSize(max)}`;
  return scalar({ name: "size", form: sizeForm, limits, pattern: sizePattern, units: sizeUnits }, (text, refuse) => {
    const bytes = parseSize(text);
    if (bytes === undefined) return refuse(sizeForm, metricHint(text));
    return bytes >= min && bytes <= max ? bytes : refuse(`a size ${limits}`);
  });
}

/** Bytes, or `undefined` for `unlimited`. */
export function sizeOrUnlimited({ min, max }: Range) {
  const form = `${sizeForm}, or unlimited`;
  const limits = `from ${formatSize(min)} to ${formatSize(max)}, or unlimited`;
  const pattern = `${sizePattern}|^unlimited$`;
  return scalar<number | undefined>(
    { name: "size | unlimited", form, limits, pattern, units: sizeUnits },
    (text, refuse) => {
      if (text === "unlimited") return undefined;
      const bytes = parseSize(text);
      if (bytes === undefined) return refuse(form, metricHint(text));
      return bytes >= min && bytes <= max ? bytes : refuse(`a size ${limits}`);
    },
  );
}

/** KB and MB are 1000s to some and 1024s to others: refused, with the binary unit as the hint. */
function metricHint(text: string): string | undefined {
  const match = /^([0-9.]+)\s?([kmg])i?b?$/i.exec(text);
  return match === null ? undefined : `write ${match[1]}${match[2]?.toUpperCase()}iB`;
}

/** Bytes per second. */
export function byteRate({ min, max }: Range) {
  const form = "a rate in bytes, such as 1KiB/s";
  const limits = `from ${formatSize(min)}/s to ${formatSize(max)}/s`;
  const pattern = "^[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB)/s$";
  return scalar({ name: "byte rate", form, limits, pattern, units: ["B/s", "KiB/s", "MiB/s"] }, (text, refuse) => {
    const rate = parseByteRate(text);
    if (rate === undefined) return refuse(form);
    return rate >= min && rate <= max ? rate : refuse(`a rate ${limits}`);
  });
}

/** Events per second. */
export function rate({ min, max }: Range) {
  const form = "a rate per second, such as 20/s";
  const limits = `from ${min}/s to ${max}/s`;
  return scalar({ name: "rate", form, limits, pattern: "^[0-9]+(\\.[0-9]+)?/s$", units: ["/s"] }, (text, refuse) => {
    const perSecond = parseRate(text);
    if (perSecond === undefined) return refuse(form);
    return perSecond >= min && perSecond <= max ? perSecond : refuse(`a rate ${limits}`);
  });
}

/** A fraction 0..1. `max` is a fraction too. */
export function share({ max }: { readonly max: number }) {
  const form = "a share, such as 20%";
  const limits = `from 0% to ${max * 100}%`;
  return scalar({ name: "share", form, limits, pattern: "^[0-9]+(\\.[0-9]+)?%$", units: ["%"] }, (text, refuse) => {
    const fraction = parseShare(text);
    if (fraction === undefined) return refuse(form);
    return fraction <= max ? fraction : refuse(`a share ${limits}`);
  });
}

/** A whole number; `min` and `max` are allowed. */
export function integer({ min, max }: Range) {
  const error = `a whole number from ${min} to ${max}`;
  const schema = z.int({ error }).min(min, { error }).max(max, { error });
  typeDocs.add(schema, { name: "number", form: error, limits: `from ${min} to ${max}` });
  return schema;
}

/** A whole number, or `undefined` for `unlimited`. 0 is refused: it means "none" to some and "unlimited" to others. */
export function integerOrUnlimited({ min, max }: Range) {
  const error = `a whole number from ${min} to ${max}, or unlimited`;
  const number = z.int({ error }).min(min, { error }).max(max, { error });
  const schema = z.union([z.literal("unlimited").transform(() => undefined), number], { error });
  typeDocs.add(schema, {
    name: "number | unlimited",
    form: error,
    limits: `from ${min} to ${max}, or unlimited`,
    words: ["unlimited"],
  });
  return schema;
}

/** `true` or `false`, never `yes` or `1`. */
export function flag() {
  const schema = z.boolean({ error: "true or false" });
  typeDocs.add(schema, { name: "true | false", form: "true or false" });
  return schema;
}

/** One of some words. */
export function choice<const T extends readonly [string, ...string[]]>(...words: T) {
  const form = words.length === 1 ? words[0] : `one of ${words.join(", ")}`;
  const schema = z.enum(words, { error: form });
  typeDocs.add(schema, { name: words.join(" | "), form, words });
  return schema;
}

/** Finishes "expected …". */
export const bindForm = 'an address to listen on, such as 127.0.0.1:8080, "*:443" or "[::1]:443"';

/** An address to listen on; `localhost` becomes 127.0.0.1. */
export function bindAddress() {
  return scalar<BindAddress>(
    {
      name: "address",
      form: bindForm,
      limits: "host: an IP literal, * or localhost; port 0 to 65535, 0 = any free one",
    },
    (text, refuse) => {
      const bind = readBind(text);
      return "expected" in bind ? refuse(bind.expected, bind.hint) : bind;
    },
  );
}

/** As `bindAddress`, or `off`; loopback only. */
export function adminAddress() {
  const form = "a loopback address such as 127.0.0.1:9400, or off";
  return scalar<BindAddress | undefined>(
    { name: "address | off", form, limits: "loopback, while there is no admin.token" },
    (text, refuse) => {
      if (text === "off") return undefined;
      const bind = readBind(text);
      if ("expected" in bind) return refuse(bind.expected, bind.hint);
      return isLoopback(bind.host)
        ? bind
        : refuse(
            "a loopback address: others need admin.token, which is not in this version yet",
            `127.0.0.1:${bind.port}`,
          );
    },
  );
}

interface Refused {
  readonly expected: string;
  readonly hint?: string;
}

function readBind(text: string): BindAddress | Refused {
  const split = splitHostPort(text);
  if (split === undefined) {
    if (/^:[0-9]+$/.test(text)) return { expected: bindForm, hint: `for every address write "*${text}"` };
    if (ipFamily(text) === 6) return { expected: bindForm, hint: `brackets and a port: "[${text}]:80"` };
    if (text === "*" || ipFamily(text) === 4) return { expected: bindForm, hint: `the port is missing: ${text}:80` };
    return { expected: bindForm };
  }
  const port = readPort(split.port);
  if (port === undefined) return { expected: "a port from 0 to 65535 behind the last colon" };
  // Names would be looked up while nobody waits for it; localhost is the one that never changes.
  if (split.host === "localhost") return { host: "127.0.0.1", port };
  if (split.host !== "*" && ipFamily(split.host) === 0) {
    return {
      expected: "an IP address, * or localhost in front of the port: a name may change its address",
    };
  }
  return { host: split.host, port };
}

/** Host and port of an endpoint, with the text as written: it is the endpoint's name where none is given. */
export interface EndpointAddress {
  readonly text: string;
  readonly host: string;
  readonly port: number;
}

const endpointForm = 'host:port, such as 10.0.0.11:8080, b1.example.org:8080 or "[::1]:8080"';

/** Host and port of an endpoint. */
export function endpointAddress() {
  return scalar<EndpointAddress>(
    { name: "host:port", form: endpointForm, limits: "port 1 to 65535" },
    (text, refuse) => {
      const scheme = /^([a-z+]+):\/\/([^/]+)\/?/i.exec(text);
      if (scheme !== null) return refuse(endpointForm, `without ${scheme[1]}:// — ${scheme[2]}`);
      const split = splitHostPort(text);
      if (split === undefined) {
        if (ipFamily(text) === 6) return refuse(endpointForm, `brackets and a port: "[${text}]:80"`);
        return refuse(endpointForm, hasHostForm(text) ? `the port is missing: ${text}:80` : undefined);
      }
      const port = readPort(split.port);
      if (port === undefined || port === 0) return refuse("a port from 1 to 65535 behind the last colon");
      if (ipFamily(split.host) === 0 && !isHostName(split.host))
        return refuse(`a host name or IP address in front of the port`);
      return { text, host: split.host, port };
    },
  );
}

function splitHostPort(text: string): { host: string; port: string } | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([^\s:[\]/]+)):([0-9]+)$/.exec(text);
  if (match === null) return undefined;
  const [, bracketed, plain, port = ""] = match;
  // Brackets are for IPv6 alone (RFC 3986 §3.2.2).
  if (bracketed !== undefined && ipFamily(bracketed) !== 6) return undefined;
  return { host: bracketed ?? plain ?? "", port };
}

function readPort(text: string): number | undefined {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port <= 65_535 ? port : undefined;
}

/** RFC 1123 §2.1 with underscores, which container networks use; a name of digits and dots only is a mistyped address. */
export function isHostName(text: string): boolean {
  if (text.length > 253 || !/[a-z]/i.test(text)) return false;
  return text
    .replace(/\.$/, "")
    .split(".")
    .every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label));
}

function hasHostForm(text: string): boolean {
  return ipFamily(text) === 4 || isHostName(text);
}

/** A CIDR or single address as text (`compileCidrs` reads it). */
export function cidr() {
  const form = "a network or address, such as 10.0.0.0/8 or 192.0.2.1";
  return scalar({ name: "CIDR", form }, (text, refuse) => {
    if (parseCidr(text) !== undefined) return text;
    return refuse(form, text === "*" || text === "all" ? "for everyone: 0.0.0.0/0 and ::/0" : undefined);
  });
}

/** A host name or IP literal to compare with the Host of a request: lower case, without port. */
export function matchHost() {
  const form = "a host name without port, such as api.example.org";
  return scalar({ name: "host name", form }, (text, refuse) => {
    const port = /^(.*[^:]):[0-9]+$/.exec(text);
    if (port !== null && ipFamily(text) === 0) return refuse(form, `ports are not compared: ${port[1]}`);
    const bare = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
    if (ipFamily(bare) === 6) return `[${bare.toLowerCase()}]`;
    return hasHostForm(text) ? text.toLowerCase() : refuse(form);
  });
}

/** The path of a request target (RFC 9110 §4.2.3), without query. */
export function path() {
  const form = "a path that begins with /, without query, such as /v2/";
  return scalar({ name: "path", form, limits: "at most 1024 characters" }, (text, refuse) => {
    if (!/^\/[\x21-\x7e]*$/.test(text) || text.length > 1024)
      return refuse(form, /^[\w.-]+(\/|$)/.test(text) ? `/${text}` : undefined);
    if (/[?#]/.test(text)) return refuse(form, text.replace(/[?#].*$/, ""));
    if (/%(?![0-9a-f]{2})/i.test(text)) return refuse("a path in which % begins two hex digits");
    if (/(^|\/)\.{1,2}(\/|$)/.test(text))
      return refuse("a path without . and .. segments: they are resolved before paths are compared");
    return text;
  });
}

/** A request target for a health check: a path and perhaps a query. */
export function checkTarget() {
  const form = "a path that begins with /, such as /healthcheck";
  return scalar({ name: "path", form, limits: "at most 1024 characters; a query is allowed" }, (text, refuse) => {
    if (/^\/[\x21\x22\x24-\x7e]*$/.test(text) && text.length <= 1024) return text;
    return refuse(form, /^[\w.-]+(\/|$)/.test(text) ? `/${text}` : undefined);
  });
}

/** An upper-case method name. */
export function method() {
  const form = "a method name, such as GET";
  return scalar({ name: "method", form }, (text, refuse) => {
    if (!token.test(text)) return refuse(form);
    const upper = text.toUpperCase();
    return upper === "CONNECT" ? refuse("a method other than CONNECT, which is always refused") : upper;
  });
}

/** A name that commands can take apart from other words: letters, digits and a few signs. */
export function name() {
  const form = "a name of letters, digits, . _ - (at most 64, beginning with a letter or digit)";
  return scalar({ name: "name", form, pattern: namePattern.source }, (text, refuse) =>
    namePattern.test(text) ? text : refuse(form),
  );
}

export const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** An absolute path of a file; `bytesMax` counts UTF-16 units, which is exact for what the pattern allows. */
export function filePath({ bytesMax = 4095 }: { readonly bytesMax?: number } = {}) {
  const form = "an absolute path of a file";
  return scalar({ name: "file", form, limits: `at most ${bytesMax} characters` }, (text, refuse) => {
    // oxlint-disable-next-line no-control-regex -- control characters are what is refused
    if (!/^\/[^\x00-\x1f\x7f]+$/.test(text)) return refuse(form);
    return text.length <= bytesMax ? text : refuse(`${form} of at most ${bytesMax} characters`);
  });
}

import type { CorpusCase } from "../support/case-file.ts";
import { valuesOf } from "../support/case-file.ts";
import { type SeenHeader, type SeenRequest, type SeenResponse, headerOf } from "../support/strict-reader.ts";
import { decodeWire, showWire } from "../support/wire.ts";

/** One message of an `origin:` or `client:` line. */
interface ExpectedMessage {
  /** `GET /a` or `200`. */
  readonly what: string;
  /** Absent: any body from an endpoint's or our own answer; a request's body must then be empty. */
  readonly body?: Buffer;
  /** `*N`: only the length of the body is given. */
  readonly bodyLength?: number;
  readonly isCut: boolean;
}

/** `*`: of one alternative of a `client:` line, how the connection stands after the last message. */
export interface ExpectedClient {
  readonly messages: readonly ExpectedMessage[];
  readonly isKept: boolean;
}

export type ExpectedOrigin =
  | { readonly kind: "requests"; readonly messages: readonly ExpectedMessage[] }
  /** Heads and parts of bodies may have come, but no request is complete. */
  | { readonly kind: "nothing complete" };

/** The text of a quoted body may hold commas: split only outside of quotes. */
function splitList(text: string): readonly string[] {
  const parts = text.match(/(?:[^,"\\]|\\.|"(?:[^"\\]|\\.)*")+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

function expectedMessage(text: string): ExpectedMessage {
  const found = /^(.*?)(?: "((?:[^"\\]|\\.)*)")?(?: \*(\d+))?( cut)?$/.exec(text);
  if (found === null) throw new Error(`not a message: ${text}`);
  return {
    what: found[1] ?? "",
    ...(found[2] === undefined ? {} : { body: decodeWire(found[2]) }),
    ...(found[3] === undefined ? {} : { bodyLength: Number(found[3]) }),
    isCut: found[4] !== undefined,
  };
}

export function expectedOrigin(one: CorpusCase): ExpectedOrigin {
  const text = only(one, "origin");
  if (text === "nothing complete") return { kind: "nothing complete" };
  return {
    kind: "requests",
    messages: text === "nothing" ? [] : splitList(text).map(expectedMessage),
  };
}

/** Alternatives stand behind `|`: where a race of two segments decides, each outcome is named. */
export function expectedClient(one: CorpusCase): readonly ExpectedClient[] {
  return only(one, "client")
    .split("|")
    .map((alternative) => {
      const found = /^(.*) (closed|kept)$/.exec(alternative.trim());
      // `400|501 closed` shares its ending.
      const ending = found?.[2] ?? /(closed|kept)$/.exec(only(one, "client"))?.[1];
      if (ending === undefined) throw new Error(`${one.name}: "closed" or "kept" is missing`);
      const list = found?.[1] ?? alternative.trim();
      return {
        messages: list === "nothing" ? [] : splitList(list).map(expectedMessage),
        isKept: ending === "kept",
      };
    });
}

function only(one: CorpusCase, key: string): string {
  const values = valuesOf(one, key);
  if (values.length !== 1 || values[0] === undefined) throw new Error(`${one.name}: exactly one "${key}:" expected`);
  return values[0];
}

/** What is wrong with what the origin saw; empty when all is well. */
export function originComplaints(one: CorpusCase, seen: readonly SeenRequest[]): readonly string[] {
  const wanted = expectedOrigin(one);
  const shown = seen.map((request) => showRequest(request)).join(", ") || "nothing";
  if (wanted.kind === "nothing complete")
    return seen.some((request) => request.complete) ? [`origin saw ${shown}`] : [];
  const complaints: string[] = [];
  const isAsWanted =
    seen.length === wanted.messages.length &&
    wanted.messages.every((message, at) => {
      const request = seen[at];
      if (request === undefined || `${request.method} ${request.target}` !== message.what) return false;
      return request.complete !== message.isCut && bodyFits({ body: Buffer.alloc(0), ...message }, request.body);
    });
  if (!isAsWanted) complaints.push(`origin saw ${shown}`);
  const first = seen[0];
  for (const text of valuesOf(one, "origin has")) complaints.push(...missingField(text, first, "origin"));
  for (const name of valuesOf(one, "origin lacks")) {
    if (seen.some((request) => headerOf(request, name) !== undefined)) complaints.push(`origin saw the field ${name}`);
  }
  for (const name of valuesOf(one, "origin trailer lacks")) {
    if (seen.some((request) => isAmong(request.trailers, name))) complaints.push(`origin saw the trailer ${name}`);
  }
  return complaints;
}

/** What is wrong with what the client saw; the connection's end is judged by the caller. */
export function clientComplaints(
  one: CorpusCase,
  all: readonly SeenResponse[],
  wanted: ExpectedClient,
): readonly string[] {
  const complaints: string[] = [];
  // `102+` stands for any number of them.
  const repeated = wanted.messages.find((message) => message.what.endsWith("+"))?.what.slice(0, -1);
  const seen = all.filter(
    (response, at) => String(response.status) !== repeated || all[at - 1]?.status !== response.status,
  );
  const isAsWanted =
    seen.length === wanted.messages.length &&
    wanted.messages.every((message, at) => {
      const response = seen[at];
      if (response === undefined || String(response.status) !== message.what.replace("+", "")) return false;
      if (response.complete === message.isCut) return false;
      return bodyFits(message, response.body, message.isCut);
    });
  if (!isAsWanted) complaints.push(`client saw ${seen.map(showResponse).join(", ") || "nothing"}`);
  const last = seen.at(-1);
  for (const text of valuesOf(one, "client has")) complaints.push(...missingField(text, last, "client"));
  for (const name of valuesOf(one, "client lacks")) {
    if (last !== undefined && headerOf(last, name) !== undefined) complaints.push(`client saw the field ${name}`);
  }
  for (const name of valuesOf(one, "client trailer lacks")) {
    if (last !== undefined && isAmong(last.trailers, name)) complaints.push(`client saw the trailer ${name}`);
  }
  return complaints;
}

function bodyFits(message: ExpectedMessage, body: Buffer, isPrefixEnough = false): boolean {
  if (message.bodyLength !== undefined) return body.length === message.bodyLength;
  if (message.body === undefined) return true;
  // How much of a body came before the cut is not promised.
  return isPrefixEnough ? message.body.subarray(0, body.length).equals(body) : message.body.equals(body);
}

function isAmong(headers: readonly SeenHeader[], name: string): boolean {
  return headers.some((one) => one.name.toLowerCase() === name);
}

function missingField(
  text: string,
  message: { readonly headers: readonly SeenHeader[] } | undefined,
  who: string,
): readonly string[] {
  const colon = text.indexOf(":");
  const name = text.slice(0, colon);
  const value = text.slice(colon + 1).trim();
  const found = message === undefined ? undefined : headerOf(message, name);
  if (found !== undefined && (value === "*" || found === decodeWire(value).toString("latin1"))) return [];
  return [`${who} saw ${name}: ${JSON.stringify(found)} instead of ${value}`];
}

export function showRequest(request: SeenRequest): string {
  const body = request.body.length > 0 ? ` "${showWire(request.body, 200)}"` : "";
  return `${request.method} ${request.target}${body}${request.complete ? "" : " cut"}`;
}

export function showResponse(response: SeenResponse): string {
  return `${response.status} "${showWire(response.body, 120)}"${response.complete ? "" : " cut"}`;
}

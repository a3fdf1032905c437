import type { Balancer } from "../support/balancer.ts";
import { type CorpusCase, type WireBlock, valuesOf } from "../support/case-file.ts";
import { type Address, type RawClient, ask, connectRaw } from "../support/raw-client.ts";
import { type OriginScript, type RawOrigin, reply } from "../support/raw-origin.ts";
import { AmbiguousError, type SeenResponse } from "../support/strict-reader.ts";
import { bytesOf, showWire } from "../support/wire.ts";
import { within } from "../support/within.ts";
import { type ExpectedClient, clientComplaints, expectedClient, originComplaints } from "./expectation.ts";

/** Nothing may take longer: every timeout of the balancer under test is far below. */
const caseMs = 2000;

const goodRequest = "GET /good HTTP/1.1\r\nHost: good\r\n\r\n";

export interface Bench {
  readonly balancer: Balancer;
  readonly origin: RawOrigin;
  readonly address: Address;
}

/**
 * Runs one case and gives everything that was wrong; an empty list is a pass. Afterwards the origin's connections are
 * ended and the balancer must be idle, so that no case can help or harm another.
 */
export async function runCase(bench: Bench, one: CorpusCase): Promise<readonly string[]> {
  const { origin, balancer, address } = bench;
  origin.script = originScript(one);
  const complaints: string[] = [];
  const client = await connectRaw(address);
  try {
    complaints.push(...(await judgeClient(client, bench, one)));
    complaints.push(...(await judgeNextRequest(bench, one)));
    const seen = origin.requests.filter((request) => request.target !== "/good" && request.target !== "/again");
    complaints.push(...originComplaints(one, seen), ...origin.faults.map((fault) => `origin: ${fault}`));
  } catch (error) {
    complaints.push(error instanceof Error ? error.message : String(error));
  } finally {
    client.close();
    origin.resetAll();
  }
  await balancer.untilIdle(caseMs).catch((error: Error) => complaints.push(error.message));
  return complaints;
}

/** Sends what the client of a case sends, and waits for as many answers as the case promises, or for the end. */
export async function sendAndSettle(client: RawClient, one: CorpusCase): Promise<readonly SeenResponse[]> {
  for (const block of one.blocks.filter((candidate) => candidate.mark === ">")) await actAsClient(client, block);
  return settle(client, { methods: requestMethods(one), alternatives: expectedClient(one) });
}

async function judgeClient(client: RawClient, { origin }: Bench, one: CorpusCase): Promise<readonly string[]> {
  const seen = await sendAndSettle(client, one);
  if (needsNewConnection(one)) await untilDropped(origin);
  const methods = requestMethods(one);
  const alternatives = expectedClient(one);
  const verdicts = alternatives.map((alternative) => judgeAlternative(client, one, { seen, wanted: alternative }));
  const best = verdicts.find((verdict) => verdict.length === 0);
  if (best === undefined) return verdicts[0] ?? [];
  const chosen = alternatives[verdicts.indexOf(best)];
  if (chosen?.isKept !== true) return [];
  return judgeKept(client, { methods, answered: seen.length });
}

/** Waits until the client has all that the longest alternative promises, or its connection ended. */
async function settle(
  client: RawClient,
  plan: { readonly methods: readonly string[]; readonly alternatives: readonly ExpectedClient[] },
): Promise<readonly SeenResponse[]> {
  const kept = plan.alternatives.filter((alternative) => alternative.isKept);
  const isSettled = (): boolean => {
    if (client.ending !== undefined) return true;
    const seen = readSafely(client, plan.methods);
    return kept.some((alternative) => {
      const last = seen.at(-1);
      return seen.length >= alternative.messages.length && last !== undefined && last.complete && last.status >= 200;
    });
  };
  await client.until("the answers of the case", isSettled, caseMs);
  return client.responses(plan.methods);
}

function readSafely(client: RawClient, methods: readonly string[]): readonly SeenResponse[] {
  try {
    return client.responses(methods);
  } catch (error) {
    if (error instanceof AmbiguousError) return [];
    throw error;
  }
}

function judgeAlternative(
  client: RawClient,
  one: CorpusCase,
  { seen, wanted }: { readonly seen: readonly SeenResponse[]; readonly wanted: ExpectedClient },
): readonly string[] {
  const complaints = [...clientComplaints(one, seen, wanted)];
  if (wanted.isKept && client.ending !== undefined) complaints.push("the client's connection was closed");
  if (!wanted.isKept && client.ending === undefined) complaints.push("the client's connection was kept");
  return complaints;
}

/** A kept connection proves it by serving another request. */
async function judgeKept(
  client: RawClient,
  { methods, answered }: { readonly methods: readonly string[]; readonly answered: number },
): Promise<readonly string[]> {
  client.send("GET /again HTTP/1.1\r\nHost: good\r\n\r\n");
  const all = [...methods.slice(0, answered), "GET"];
  await client.until(
    "an answer to another request",
    () => client.ending !== undefined || readSafely(client, all).length > answered,
    caseMs,
  );
  const last = client.responses(all)[answered];
  if (last?.status === 200 && last.body.toString() === "later") return [];
  return [
    `another request on the kept connection got ${last === undefined ? "nothing" : `${last.status} "${showWire(last.body)}"`}`,
  ];
}

/** Whatever the case did, the next client is served, and by a connection that can be trusted. */
async function judgeNextRequest({ address, origin }: Bench, one: CorpusCase): Promise<readonly string[]> {
  const answer = await within("an answer to a good request", ask(address, goodRequest), caseMs);
  if (answer.status !== 200 || answer.body.toString() !== "later") {
    return [`a good request afterwards got ${answer.status} "${showWire(answer.body)}"`];
  }
  const first = origin.connections[0];
  const isReused =
    first !== undefined && first.requests.some((request) => request.target === "/good" || request.target === "/again");
  return needsNewConnection(one) && isReused ? ["a connection that cannot be trusted was used again"] : [];
}

function needsNewConnection(one: CorpusCase): boolean {
  return valuesOf(one, "again").includes("new connection");
}

/** The balancer ended the connection that the case spoiled: only then does a further request prove anything. */
async function untilDropped(origin: RawOrigin): Promise<void> {
  await origin.until("the end of the spoiled connection", () => origin.connections[0]?.ending !== undefined, caseMs);
}

async function actAsClient(client: RawClient, block: WireBlock): Promise<void> {
  if (client.ending !== undefined) return;
  switch (block.act?.split(" ")[0]) {
    case undefined:
      client.send(block.bytes);
      return;
    case "pause":
      await Bun.sleep(1);
      return;
    case "fin":
      client.finish();
      return;
    case "reset":
      client.reset();
      return;
    case "await":
      await client.untilText(block.act?.slice("await ".length) ?? "", caseMs);
      return;
    default:
      throw new Error(`unknown act of the client: ${block.act}`);
  }
}

/** The case's own answer for its first request, later ones are served well. */
function originScript(one: CorpusCase): OriginScript {
  const blocks = one.blocks.filter((block) => block.mark === "<");
  const isEarly = blocks[0]?.act === "early";
  return async ({ index, request, connection, untilBody }) => {
    const isCase = index === 0 && request.target !== "/good" && request.target !== "/again";
    if (!isCase || !isEarly) {
      if (!(await untilBody(caseMs)).complete) return;
    }
    if (request.target === "/good" || request.target === "/again" || !isCase) connection.send(reply("later"));
    else if (blocks.length === 0) connection.send(reply("ok"));
    else for (const block of blocks) await actAsOrigin(connection, block);
  };
}

async function actAsOrigin(connection: Parameters<OriginScript>[0]["connection"], block: WireBlock): Promise<void> {
  switch (block.act) {
    case undefined:
      connection.send(bytesOf(block.bytes));
      return;
    case "early":
      return;
    case "pause":
      await Bun.sleep(5);
      return;
    case "fin":
      connection.finish();
      return;
    case "reset":
      connection.reset();
      return;
    default:
      throw new Error(`unknown act of the origin: ${block.act}`);
  }
}

/** Methods of the requests as they stand in the case, for reading answers to HEAD. */
function requestMethods(one: CorpusCase): readonly string[] {
  const text = Buffer.concat(one.blocks.filter((block) => block.mark === ">").map((block) => block.bytes)).toString(
    "latin1",
  );
  return [...text.matchAll(/(?:^|\r\n)([A-Za-z]+) [^\r\n]* HTTP\/1\.[01]\r\n/g)].map((found) => found[1] ?? "GET");
}

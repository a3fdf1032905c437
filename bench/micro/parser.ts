/** Reading a head: into offsets as the data plane does it, against splitting it into strings. */
import { HeadParser } from "../../src/core/http1/head-parser.ts";
import { latin1Text } from "../../src/lib/bytes.ts";
import { compare } from "./harness.ts";
import { limits, requests, response } from "./heads.ts";

function split(bytes: Uint8Array): number {
  const [first = "", ...lines] = latin1Text(bytes, 0, bytes.length).split("\r\n");
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return first.length + fields.size;
}

const requestParser = new HeadParser(false, limits);
for (const [name, bytes] of Object.entries(requests)) {
  compare(`request of a ${name}, ${bytes.length} bytes`, [
    {
      name: "offsets",
      run: () => {
        requestParser.reset(limits);
        return requestParser.feed(bytes, 0, bytes.length) + requestParser.headBytes;
      },
    },
    { name: "strings", run: () => split(bytes) },
  ]);
}

const responseParser = new HeadParser(true, limits);
compare(`response, ${response.length} bytes`, [
  {
    name: "offsets",
    run: () => {
      responseParser.reset(limits);
      return responseParser.feed(response, 0, response.length) + responseParser.headBytes;
    },
  },
  { name: "strings", run: () => split(response) },
]);

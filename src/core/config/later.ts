/**
 * What the configuration language will have and this version does not: the one place that knows. A key or value that
 * stands here is refused with its own clear issue instead of "unknown", and the reference manual lists it. Building a
 * feature means adding it to the schema and deleting its lines here (a test fails where both know a key).
 */
export interface Later {
  /** The path with `*` for names and list positions. */
  readonly at: string;
  /** Only these words as the value, or as the only key of a map that is the value. Absent: the key itself. */
  readonly values?: readonly string[];
  /** Only text that matches. */
  readonly pattern?: RegExp;
  /** A noun phrase: what the user wanted. */
  readonly what: string;
}

export const later: readonly Later[] = [
  { at: "extends", what: "configuration profiles" },
  { at: "cluster", what: "a cluster of several nodes" },
  { at: "serviceIps", what: "service IPs" },
  { at: "resources", what: "resources" },

  { at: "listeners.*.protocol", values: ["tcp"], what: "TCP listeners" },
  { at: "listeners.*.tls", what: "TLS towards clients" },
  { at: "listeners.*.http2", what: "HTTP/2 towards clients" },
  { at: "listeners.*.proxyProtocol", what: "the PROXY protocol" },
  { at: "listeners.*.routes.*.split", what: "splitting requests between pools" },
  { at: "listeners.*.routes.*.redirect", what: "redirects" },
  { at: "listeners.*.routes.*.respond", what: "fixed responses" },
  { at: "listeners.*.routes.*.rateLimit", what: "rate limits" },
  { at: "listeners.*.routes.*.match.wildcard", what: "wildcard matches" },
  { at: "listeners.*.routes.*.match.regex", what: "matches by regular expression" },
  { at: "listeners.*.routes.*.match.query", what: "matches by query" },
  { at: "listeners.*.routes.*.match.cookie", what: "matches by cookie" },
  { at: "listeners.*.routes.*.match.source", what: "matches by client address" },
  { at: "listeners.*.routes.*.match.sni", what: "matches by TLS server name" },
  { at: "listeners.*.routes.*.match.host", pattern: /\*/, what: "wildcard host names" },
  { at: "listeners.*.routes.*.match.host.*", pattern: /\*/, what: "wildcard host names" },
  {
    at: "listeners.*.routes.*.match.host",
    values: ["regex", "wildcard"],
    what: "host matches by pattern",
  },
  { at: "listeners.*.routes.*.match.path.regex", what: "path matches by regular expression" },
  { at: "listeners.*.routes.*.match.path.wildcard", what: "path matches by wildcard" },
  {
    at: "listeners.*.routes.*.match.header.*",
    values: ["regex", "wildcard"],
    what: "header matches by pattern",
  },

  { at: "pools.*.endpoints.*.limits", what: "limits of an endpoint" },
  { at: "pools.*.queue", what: "queueing" },
  { at: "pools.*.tls", what: "TLS towards endpoints" },
  { at: "pools.*.http", what: "a choice of HTTP versions towards endpoints" },
  { at: "pools.*.sticky", what: "stickiness" },
  { at: "pools.*.onDown", what: "closing connections when an endpoint goes down" },
  { at: "pools.*.proxyProtocol", what: "the PROXY protocol" },
  { at: "pools.*.health.https", what: "checks over TLS" },
  { at: "pools.*.health.mysql", what: "MySQL checks" },
  { at: "pools.*.health.postgres", what: "PostgreSQL checks" },
  { at: "pools.*.health.redis", what: "Redis checks" },
  { at: "pools.*.health.exec", what: "checks by command" },
  { at: "pools.*.health.agent", what: "agent checks" },

  { at: "admin.token", what: "the token for changes over TCP" },
  { at: "process.watch", what: "watching the file" },
];

const splitLater = later.map((entry) => ({ entry, segments: entry.at.split(".") }));

/** The entry for this key with this value, if a later version knows it. */
export function findLater(path: readonly PropertyKey[], value: unknown): Later | undefined {
  for (const { entry, segments } of splitLater) {
    if (segments.length !== path.length || !segments.every((segment, i) => segment === "*" || segment === path[i]))
      continue;
    if (entry.values !== undefined && !wordsOf(value).some((word) => entry.values?.includes(word))) continue;
    if (entry.pattern !== undefined && !(typeof value === "string" && entry.pattern.test(value))) continue;
    return entry;
  }
  return undefined;
}

function wordsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.keys(value) : [];
}

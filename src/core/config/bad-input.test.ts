import { describe, expect, test } from "bun:test";
import { parseConfig } from "./load.ts";

/** Rows of one mistake each: what stands in the file, then code, path and a part of message and hint. */
type Row = readonly [text: string, code: string, path: string, ...parts: readonly string[]];

const app = "pools:\n  app: { endpoints: [127.0.0.1:9001] }\n";
const inListener = (text: string): string =>
  `version: 1\nlisteners:\n  api: { bind: 127.0.0.1:8080, pool: app, ${text} }\n${app}`;
const inMatch = (text: string): string => inListener(`routes: [{ match: { ${text} }, pool: app }]`);
const bound = (text: string): string => `version: 1\nlisteners:\n  api: { bind: ${text}, pool: app }\n${app}`;
const listener = "version: 1\nlisteners:\n  api: { bind: 127.0.0.1:8080, pool: app }\n";
const inPool = (text: string): string => `${listener}pools:\n  app: { endpoints: [127.0.0.1:9001], ${text} }\n`;
const endpoint = (text: string): string => `${listener}pools:\n  app: { endpoints: [${text}] }\n`;
const atTop = (text: string): string => `${listener}${app}${text}\n`;
const same = (text: string): string => text;

function table(name: string, wrap: (text: string) => string, rows: readonly Row[]): void {
  describe(name, () => {
    test.each(rows.map((row) => [JSON.stringify(row[0]).slice(0, 80), row] as const))(
      "%s",
      (_, [text, code, path, ...parts]) => {
        const { config, issues } = parseConfig(wrap(text), { file: "a.yaml" });
        const errors = issues.filter(({ severity }) => severity === "error");
        expect(errors.map((issue) => `${issue.code} ${issue.path}`)).toEqual([`${code} ${path}`]);
        expect(config).toBeUndefined();
        const [issue] = errors;
        for (const part of parts) expect(`${issue?.message} | ${issue?.hint ?? "no hint"}`).toContain(part);
      },
    );
  });
}

table("the file", same, [
  ["", "file", "", "empty"],
  ["# only a comment", "bad-value", "", "expected a map with version, listeners and pools"],
  ["[]", "bad-value", "", "expected a map"],
  ["text", "bad-value", "", "expected a map"],
  ["a\0b", "file", "", "binary"],
  [`${listener}${app}---\nversion: 1`, "syntax", "", "second document"],
  ["version: 1\nlisteners:\n\tapi: {}", "syntax", "", "tabs"],
  ["version: 1\nlisteners: { api: { bind: *:80 } }", "syntax", "listeners.api.bind", "no anchor", 'use quotes: "*:80"'],
  ["version: 1\nlisteners: { api: { bind: [::1]:80 } }", "syntax", "", 'with quotes: "[::1]:80"'],
  ["version: 1\nlisteners: {", "syntax", "", "not well-formed YAML"],
  [`${listener}  api: { bind: 127.0.0.1:8081, pool: app }\n${app}`, "duplicate-key", "listeners.api", "twice"],
  [`${listener}${app}? [a, b]\n: 1\n`, "bad-value", "", "a key must be text"],
  [`${listener}${app}__proto__: 1\n`, "bad-value", "", "reserved"],
  ["[".repeat(50_000), "syntax", "", "nested too deeply"],
  [`x: ${"[".repeat(80)}${"]".repeat(80)}`, "syntax", "x[0][0][0][0][0][0][0]", "more than 64 levels"],
  ["a: &a [*a]", "syntax", "a[0][0][0][0][0][0][0]", "holds itself"],
  [`${listener}${app}log: *nothing\n`, "syntax", "log", "has no anchor"],
  [`version: 1\n${listener.slice(11)}${app}admin: &a {}\nlog: &a {}\n`, "bad-value", "log", "defined twice"],
  [`${listener}${app}log: { <<: 5 }\n`, "bad-value", "log", "<< needs a map"],
  [`${listener.slice(11)}${app}`, "missing-key", "version", "expected 1"],
  [listener, "missing-key", "pools", "a map of names to pools"],
  [`version: 1\n${app}`, "missing-key", "listeners", "a map of names to listeners"],
  [`version: 1\nlisteners: {}\n${app}`, "missing-key", "listeners", "at least one listener"],
  [`version: 1\nlisteners:\n${app}`, "bad-value", "listeners", "found nothing"],
]);

table("the top", atTop, [
  ["lisener: {}", "unknown-key", "lisener", "listeners"],
  ["banana: {}", "unknown-key", "banana", "at the top", "known here: version, listeners"],
  ["extends: [openstack]", "not-yet", "extends", "profiles"],
  ["cluster: {}", "not-yet", "cluster"],
  ["serviceIps: {}", "not-yet", "serviceIps"],
  ["resources: {}", "not-yet", "resources"],
  ["admin: { token: { file: x } }", "not-yet", "admin.token"],
  ["admin: { bind: 0.0.0.0:9400 }", "bad-value", "admin.bind", "loopback", "127.0.0.1:9400"],
  ['admin: { bind: "*:9400" }', "bad-value", "admin.bind", "loopback"],
  ["admin: { bind: 127.0.0.1:8080 }", "conflict", "admin.bind", "already taken by listener api"],
  ["admin: { bind: false }", "bad-value", "admin.bind", "did you mean off?"],
  ["admin: { socket: admin.sock }", "bad-value", "admin.socket", "absolute path"],
  [`admin: { socket: /${"a".repeat(107)} }`, "bad-value", "admin.socket", "at most 107"],
  ["process: { workers: 0 }", "bad-value", "process.workers", "auto, or a whole number from 1 to 64"],
  ["process: { workers: 65 }", "bad-value", "process.workers", "found 65"],
  ["process: { workers: atuo }", "bad-value", "process.workers", "did you mean auto?"],
  ["process: { connections: 0 }", "bad-value", "process.connections"],
  ["process: { connections: 10000001 }", "bad-value", "process.connections"],
  ["process: { connections: 1.5 }", "bad-value", "process.connections", "whole number"],
  ["process: { user: 'a b' }", "bad-value", "process.user"],
  ["process: { drain: 30 }", "bad-value", "process.drain", "30s"],
  ["process: { drain: 25h }", "bad-value", "process.drain", "0s (do not wait), or from 1ms to 24h"],
  ["process: { watch: true }", "not-yet", "process.watch"],
  ["log: { level: warning }", "bad-value", "log.level", "did you mean warn?"],
  ["log: { format: xml }", "bad-value", "log.format", "one of auto, text, json"],
  ["log: { access: true }", "bad-value", "log.access", "expected a map"],
  ["log: { access: { sample: 0.5 } }", "bad-value", "log.access.sample", "0.5%"],
  ["log: { access: { sample: 101% } }", "bad-value", "log.access.sample", "from 0% to 100%"],
]);

table("bind", bound, [
  ["8080", "bad-value", "listeners.api.bind", "an address to listen on"],
  ["127.0.0.1", "bad-value", "listeners.api.bind", "the port is missing"],
  ['":8080"', "bad-value", "listeners.api.bind", 'write "*:8080"'],
  ['"::1"', "bad-value", "listeners.api.bind", "brackets"],
  ["127.0.0.1:65536", "bad-value", "listeners.api.bind", "0 to 65535"],
  ["127.0.0.1:-1", "bad-value", "listeners.api.bind"],
  ["300.0.0.1:80", "bad-value", "listeners.api.bind", "an IP address"],
  ["example.org:80", "bad-value", "listeners.api.bind", "a name may change"],
  ['"[127.0.0.1]:80"', "bad-value", "listeners.api.bind"],
  ['"[::g]:80"', "bad-value", "listeners.api.bind"],
  ["[]", "bad-value", "listeners.api.bind", "1 to 64"],
  ["[127.0.0.1:80, x]", "bad-value", "listeners.api.bind[1]"],
  ["[127.0.0.1:80, 127.0.0.1:80]", "conflict", "listeners.api.bind[1]", "already taken by listener api"],
  ['["*:80", 10.0.0.1:80]', "conflict", "listeners.api.bind[1]", "(*:80)"],
  ['["[::1]:80", "[0:0::1]:80"]', "conflict", "listeners.api.bind[1]"],
  ["[0.0.0.0:80, 10.0.0.1:80]", "conflict", "listeners.api.bind[1]"],
  ["localhost:9400", "conflict", "listeners.api.bind", "taken by admin.bind by default (127.0.0.1:9400)"],
]);

table("a listener", inListener, [
  ["prot: http", "unknown-key", "listeners.api.prot", "did you mean protocol?"],
  ["headBytes: 1KiB", "unknown-key", "listeners.api.headBytes", "it belongs in limits"],
  ["protocol: tcp", "not-yet", "listeners.api.protocol"],
  ["protocol: https", "bad-value", "listeners.api.protocol", "did you mean http?"],
  ["tls: {}", "not-yet", "listeners.api.tls"],
  ["http2: true", "not-yet", "listeners.api.http2"],
  ["proxyProtocol: {}", "not-yet", "listeners.api.proxyProtocol"],
  ["trust: 10.0.0.0/8", "bad-value", "listeners.api.trust", "a list of networks"],
  ["trust: [10.0.0.0/33]", "bad-value", "listeners.api.trust[0]", "network"],
  ["trust: [all]", "bad-value", "listeners.api.trust[0]", "0.0.0.0/0 and ::/0"],
  ["limits:", "bad-value", "listeners.api.limits", "found nothing"],
  ["limits: { connections: 0 }", "bad-value", "listeners.api.limits.connections", "from 1 to 1000000"],
  ["limits: { connections: 1000001 }", "bad-value", "listeners.api.limits.connections"],
  ["limits: { headBytes: 32768 }", "bad-value", "listeners.api.limits.headBytes", "32768B, 32768KiB"],
  ["limits: { headBytes: 1023B }", "bad-value", "listeners.api.limits.headBytes", "from 1KiB to 1MiB"],
  ["limits: { headBytes: 1048577B }", "bad-value", "listeners.api.limits.headBytes"],
  ["limits: { headBytes: 32K }", "bad-value", "listeners.api.limits.headBytes", "write 32KiB"],
  ["limits: { headBytes: 32kb }", "bad-value", "listeners.api.limits.headBytes", "write 32KiB"],
  ["limits: { headers: 1001 }", "bad-value", "listeners.api.limits.headers"],
  ["limits: { headers: '100' }", "bad-value", "listeners.api.limits.headers", "without quotes: 100"],
  ["limits: { targetBytes: 63B }", "bad-value", "listeners.api.limits.targetBytes"],
  ["limits: { bodyBytes: none }", "bad-value", "listeners.api.limits.bodyBytes", "or unlimited"],
  ["timeouts: { head: 0s }", "bad-value", "listeners.api.timeouts.head", "from 10ms to 24h"],
  ["timeouts: { head: 9ms }", "bad-value", "listeners.api.timeouts.head"],
  ["timeouts: { head: -1s }", "bad-value", "listeners.api.timeouts.head"],
  ["timeouts: { head: 1 s }", "bad-value", "listeners.api.timeouts.head"],
  ["timeouts: { head: [] }", "bad-value", "listeners.api.timeouts.head", "found an empty list"],
  ["timeouts: { minRate: 1KiB }", "bad-value", "listeners.api.timeouts.minRate", "1KiB/s"],
  ["timeouts: { write: 86400001ms }", "bad-value", "listeners.api.timeouts.write"],
  ["forward: { xForwarded: yes }", "bad-value", "listeners.api.forward.xForwarded", "did you mean true?"],
  ["forward: off", "bad-value", "listeners.api.forward", "a map of switches"],
  ["underscores: keep", "bad-value", "listeners.api.underscores", "one of drop, pass"],
  ["halfClose: 1", "bad-value", "listeners.api.halfClose", "true or false"],
  ["routes: {}", "bad-value", "listeners.api.routes", "a list of routes"],
  ["routes: [{ pool: app }]", "missing-key", "listeners.api.routes[0].match"],
  ["routes: [{ match: { path: /a } }]", "missing-key", "listeners.api.routes[0].pool"],
  ["routes: [{ match: {}, pool: app }]", "useless", "listeners.api.routes[0].match", "at least one of"],
  ["routes: [{ match: { path: /a }, pool: ap }]", "unknown-pool", "listeners.api.routes[0].pool", "did you mean app?"],
  ["routes: [{ match: { path: /a }, pol: app }]", "unknown-key", "listeners.api.routes[0].pol", "did you mean pool?"],
  ["routes: [{ match: { path: /a }, split: { app: 5 } }]", "not-yet", "listeners.api.routes[0].split"],
  ["routes: [{ match: { path: /a }, redirect: { to: / } }]", "not-yet", "listeners.api.routes[0].redirect"],
  ["routes: [{ match: { path: /a }, respond: {} }]", "not-yet", "listeners.api.routes[0].respond"],
  ["routes: [{ match: { path: /a }, pool: app, rateLimit: {} }]", "not-yet", "listeners.api.routes[0].rateLimit"],
]);

const match = "listeners.api.routes[0].match";
table("a match", inMatch, [
  ["paht: /a", "unknown-key", `${match}.paht`, "did you mean path?"],
  ["path: v2/", "bad-value", `${match}.path`, "/v2/"],
  ["path: /a?b=1", "bad-value", `${match}.path`, "without query"],
  ["path: /a/../b", "bad-value", `${match}.path`, ". and .."],
  ["path: /%zz", "bad-value", `${match}.path`, "hex"],
  ["path: '/a b'", "bad-value", `${match}.path`],
  ["path: /ä", "bad-value", `${match}.path`],
  ["path: { exact: a }", "bad-value", `${match}.path.exact`],
  ["path: { exakt: /a }", "unknown-key", `${match}.path.exakt`, "did you mean exact?"],
  ["path: { regex: x }", "not-yet", `${match}.path.regex`],
  ["path: 5", "bad-value", `${match}.path`, "{ exact: "],
  ['host: "*.example.org"', "not-yet", `${match}.host`, "wildcard"],
  ['host: [a.org, "*.b.org"]', "not-yet", `${match}.host[1]`, "wildcard"],
  ["host: { regex: x }", "not-yet", `${match}.host`],
  ["host: example.org:80", "bad-value", `${match}.host`, "ports are not compared: example.org"],
  ["host: a_b..c", "bad-value", `${match}.host`],
  ["host: []", "bad-value", `${match}.host`],
  ["host: 1.2.3", "bad-value", `${match}.host`],
  ["method: 'GE T'", "bad-value", `${match}.method`, "a method name"],
  ["method: CONNECT", "bad-value", `${match}.method`, "always refused"],
  ["header: X-A", "bad-value", `${match}.header`],
  ["header: { 'X A': b }", "bad-value", `${match}.header.X A`, "field name"],
  ["header: { X-A: 1 }", "bad-value", `${match}.header.X-A`, "numbers in quotes"],
  ["header: { X-A: false }", "bad-value", `${match}.header.X-A`],
  ['header: { X-A: "a\\r\\nb" }', "bad-value", `${match}.header.X-A`, "visible ASCII"],
  ["header: { X-A: { regex: x } }", "not-yet", `${match}.header.X-A`],
  ["header: {}", "useless", match],
  ["regex: x", "not-yet", `${match}.regex`],
  ["wildcard: x", "not-yet", `${match}.wildcard`],
  ["query: { a: b }", "not-yet", `${match}.query`],
  ["cookie: { a: b }", "not-yet", `${match}.cookie`],
  ["source: 10.0.0.0/8", "not-yet", `${match}.source`],
  ["sni: a.org", "not-yet", `${match}.sni`],
]);

table("an endpoint", endpoint, [
  ["", "bad-value", "pools.app.endpoints", "at least one endpoint"],
  ["127.0.0.1", "bad-value", "pools.app.endpoints[0]", "the port is missing"],
  ["b1", "bad-value", "pools.app.endpoints[0]", "b1:80"],
  ["127.0.0.1:0", "bad-value", "pools.app.endpoints[0]", "1 to 65535"],
  ["127.0.0.1:65536", "bad-value", "pools.app.endpoints[0]"],
  ["300.1.1.1:80", "bad-value", "pools.app.endpoints[0]"],
  ['"-a:80"', "bad-value", "pools.app.endpoints[0]"],
  ["'http://127.0.0.1:80/'", "bad-value", "pools.app.endpoints[0]", "without http://"],
  ['"::1"', "bad-value", "pools.app.endpoints[0]", "brackets"],
  ["80", "bad-value", "pools.app.endpoints[0]", "host:port, or a map"],
  ["{}", "missing-key", "pools.app.endpoints[0].address"],
  ["{ address: 'a:1', weight: -1 }", "bad-value", "pools.app.endpoints[0].weight", "from 0 to 256"],
  ["{ address: 'a:1', weight: 257 }", "bad-value", "pools.app.endpoints[0].weight"],
  ["{ address: 'a:1', name: 'a/b' }", "bad-value", "pools.app.endpoints[0].name"],
  ["{ address: 'a:1', backup: maybe }", "bad-value", "pools.app.endpoints[0].backup"],
  ["{ address: 'a:1', limits: {} }", "not-yet", "pools.app.endpoints[0].limits"],
  ["'a:1', 'A:1'", "conflict", "pools.app.endpoints[1]", "listed twice"],
  ["'a:1', { address: 'a:1', name: other }", "conflict", "pools.app.endpoints[1].address", "listed twice"],
  ["'a:1', { address: 'b:1', name: 'a:1' }", "conflict", "pools.app.endpoints[1].name", "already that of endpoints[0]"],
  ["{ address: 'a:1', name: x }, { address: 'b:1', name: x }", "conflict", "pools.app.endpoints[1].name"],
]);

table("a pool", inPool, [
  ["helth: {}", "unknown-key", "pools.app.helth", "did you mean health?"],
  ["balance: 5", "bad-value", "pools.app.balance", "least-requests, round-robin"],
  ["balance: hash", "bad-value", "pools.app.balance", "{ hash: … }"],
  ["balance: {}", "bad-value", "pools.app.balance", "one of random, hash"],
  ["balance: { first: {} }", "unknown-key", "pools.app.balance.first", "known here: random, hash"],
  ["balance: { random: {}, hash: { path: true } }", "bad-value", "pools.app.balance", "one of random, hash"],
  ["balance: { random: 2 }", "bad-value", "pools.app.balance.random", "{ choices: 2 }"],
  ["balance: { random: { choices: 0 } }", "bad-value", "pools.app.balance.random.choices", "from 1 to 16"],
  ["balance: { random: { choices: 17 } }", "bad-value", "pools.app.balance.random.choices", "found 17"],
  ["balance: { hash: path }", "bad-value", "pools.app.balance.hash", "one of header, cookie, query, path"],
  ["balance: { hash: {} }", "bad-value", "pools.app.balance.hash", "one of header, cookie, query, path"],
  ["balance: { hash: { header: a, path: true } }", "bad-value", "pools.app.balance.hash", "one of header"],
  ["balance: { hash: { headr: a } }", "unknown-key", "pools.app.balance.hash.headr", "did you mean header?"],
  ["balance: { hash: { header: 'a b' } }", "bad-value", "pools.app.balance.hash.header", "header field"],
  ["balance: { hash: { cookie: 'a;b' } }", "bad-value", "pools.app.balance.hash.cookie", "a cookie"],
  ["balance: { hash: { query: 'a&b' } }", "bad-value", "pools.app.balance.hash.query", "query parameter"],
  ["balance: { hash: { path: false } }", "bad-value", "pools.app.balance.hash.path", "expected true"],
  ["balance: roundrobin", "bad-value", "pools.app.balance", "did you mean round-robin?"],
  ["queue: {}", "not-yet", "pools.app.queue"],
  ["slowStart: 10", "bad-value", "pools.app.slowStart", "10s"],
  ["slowStart: 2h", "bad-value", "pools.app.slowStart", "from 1ms to 1h"],
  ["tls: {}", "not-yet", "pools.app.tls"],
  ["http: h2", "not-yet", "pools.app.http"],
  ["sticky: {}", "not-yet", "pools.app.sticky"],
  ["onDown: close", "not-yet", "pools.app.onDown"],
  ["proxyProtocol: v2", "not-yet", "pools.app.proxyProtocol"],
  ["reuse: 'false'", "bad-value", "pools.app.reuse", "did you mean false?"],
  ["health: on", "bad-value", "pools.app.health", "or off"],
  ["health: no", "bad-value", "pools.app.health", "did you mean off?"],
  ["health: false", "bad-value", "pools.app.health", "did you mean off?"],
  ["health: { passive: 3 }", "bad-value", "pools.app.health.passive", "or off"],
  ["health: { passive: { failures: 0 } }", "bad-value", "pools.app.health.passive.failures", "from 1 to 1000"],
  ["health: { passive: { failures: 1001 } }", "bad-value", "pools.app.health.passive.failures"],
  ["health: { passive: { within: 0s } }", "bad-value", "pools.app.health.passive.within"],
  ["health: { passive: { eject: 25h } }", "bad-value", "pools.app.health.passive.eject"],
  ["health: { passive: { share: 0.5 } }", "bad-value", "pools.app.health.passive.share", "0.5%"],
  ["health: { passive: { share: 101% } }", "bad-value", "pools.app.health.passive.share"],
  ["health: { passive: { ejcet: 5s } }", "unknown-key", "pools.app.health.passive.ejcet", "did you mean eject?"],
  [
    "health: { passive: { eject: 2m } }",
    "conflict",
    "pools.app.health.passive.ejectMax",
    "ejectMax (1m) is shorter than eject (2m)",
  ],
  ["health: { http: { expect: { drain: 404 } } }", "bad-value", "pools.app.health.http.expect.drain"],
  ["health: { http: { expect: { drain: {} } } }", "missing-key", "pools.app.health.http.expect.drain.status"],
  ["health: { http: { expect: { drain: { status: [] } } } }", "bad-value", "pools.app.health.http.expect.drain.status"],
  [
    "health: { http: { method: HEAD, expect: { drain: { status: [503], body: a } } } }",
    "conflict",
    "pools.app.health.http.expect.drain.body",
  ],
  ["health: { mysql: {} }", "not-yet", "pools.app.health.mysql"],
  ["health: { redis: {} }", "not-yet", "pools.app.health.redis"],
  ["health: { http: {}, tcp: {} }", "conflict", "pools.app.health.tcp", "one kind of check"],
  ["health: { tcp: { port: 0 } }", "bad-value", "pools.app.health.tcp.port", "from 1 to 65535"],
  ["health: { http: { path: healthcheck } }", "bad-value", "pools.app.health.http.path", "/healthcheck"],
  ["health: { http: { method: connect } }", "bad-value", "pools.app.health.http.method"],
  ["health: { http: { host: 'a b' } }", "bad-value", "pools.app.health.http.host"],
  [
    "health: { http: { headers: { Content-Length: '5' } } }",
    "conflict",
    "pools.app.health.http.headers.Content-Length",
  ],
  ["health: { http: { headers: { Host: a } } }", "conflict", "pools.app.health.http.headers.Host", "use the key host"],
  ["health: { http: { headers: { X-A: a, x-a: b } } }", "conflict", "pools.app.health.http.headers.x-a", "twice"],
  ['health: { http: { headers: { X-A: "a\\nb" } } }', "bad-value", "pools.app.health.http.headers.X-A"],
  ["health: { http: { expect: { status: [] } } }", "bad-value", "pools.app.health.http.expect.status"],
  [
    "health: { http: { expect: { status: 200 } } }",
    "bad-value",
    "pools.app.health.http.expect.status",
    "a list of statuses",
  ],
  [
    "health: { http: { expect: { status: [199] } } }",
    "bad-value",
    "pools.app.health.http.expect.status[0]",
    "1xx is never",
  ],
  ["health: { http: { expect: { status: [100-299] } } }", "bad-value", "pools.app.health.http.expect.status[0]"],
  ["health: { http: { expect: { status: [600] } } }", "bad-value", "pools.app.health.http.expect.status[0]"],
  ["health: { http: { expect: { status: [299-200] } } }", "bad-value", "pools.app.health.http.expect.status[0]"],
  ["health: { http: { expect: { status: [2xx] } } }", "bad-value", "pools.app.health.http.expect.status[0]", "200-299"],
  ["health: { http: { expect: { body: '' } } }", "bad-value", "pools.app.health.http.expect.body"],
  ["health: { http: { method: HEAD, expect: { body: a } } }", "conflict", "pools.app.health.http.expect.body"],
  ["health: { interval: 2 }", "bad-value", "pools.app.health.interval", "2ms, 2s, 2m or 2h"],
  ["health: { interval: 9ms }", "bad-value", "pools.app.health.interval"],
  ["health: { rise: 0 }", "bad-value", "pools.app.health.rise", "from 1 to 100"],
  ["health: { fall: 101 }", "bad-value", "pools.app.health.fall"],
  ["health: { jitter: 0.1 }", "bad-value", "pools.app.health.jitter", "0.1%"],
  ["health: { jitter: 51% }", "bad-value", "pools.app.health.jitter", "from 0% to 50%"],
  ["health: { initial: donw }", "bad-value", "pools.app.health.initial", "did you mean down?"],
  ["retry: 3", "bad-value", "pools.app.retry", "a map such as { attempts: 3 }"],
  ["retry: { attempts: 0 }", "bad-value", "pools.app.retry.attempts", "from 1 to 10"],
  ["retry: { attempts: 11 }", "bad-value", "pools.app.retry.attempts"],
  ["retry: { on: connect }", "bad-value", "pools.app.retry.on", "a list of"],
  ["retry: { on: [conect] }", "bad-value", "pools.app.retry.on[0]", "did you mean connect?"],
  ["retry: { on: [399] }", "bad-value", "pools.app.retry.on[0]", "400 to 599"],
  ["retry: { on: [600] }", "bad-value", "pools.app.retry.on[0]"],
  ["retry: { budget: { share: 20 } }", "bad-value", "pools.app.retry.budget.share", "20%"],
  ["retry: { budget: { min: 10 } }", "bad-value", "pools.app.retry.budget.min", "10/s"],
  ["retry: { budget: { burst: 1000001 } }", "bad-value", "pools.app.retry.budget.burst"],
  ["retry: { bodyBytes: 17MiB }", "bad-value", "pools.app.retry.bodyBytes", "from 0B to 16MiB"],
  ["retry: { bodyBytes: unlimited }", "bad-value", "pools.app.retry.bodyBytes"],
  ["timeouts: { connect: 0s }", "bad-value", "pools.app.timeouts.connect", "from 1ms to 10m"],
  ["timeouts: { response: 60 }", "bad-value", "pools.app.timeouts.response", "60s"],
  ["timeouts: { idel: 60s }", "unknown-key", "pools.app.timeouts.idel", "did you mean idle?"],
]);

describe("bounds", () => {
  test("256 listeners are allowed, 257 are too many", () => {
    const count = (listeners: number): string => {
      const lines = Array.from({ length: listeners }, (_, i) => `  l${i}: { bind: 127.0.0.1:${i + 1}, pool: app }\n`);
      return parseConfig(`version: 1\nlisteners:\n${lines.join("")}${app}`, { file: "a" })
        .issues.map(({ code }) => code)
        .join();
    };
    expect([count(256), count(257)]).toEqual(["", "too-many"]);
  });

  test("16384 endpoints are allowed, 16385 are too many", () => {
    const pool = (name: string, first: number, endpoints: number): string =>
      `  ${name}: { endpoints: [${Array.from({ length: endpoints }, (_, i) => `h${first + i}:1`).join(", ")}] }\n`;
    const routes =
      "[{ match: { path: /1 }, pool: a }, { match: { path: /2 }, pool: b }, { match: { path: /3 }, pool: c }]";
    const codes = (last: number): readonly string[] => {
      const pools = pool("app", 0, 4096) + pool("a", 4096, 4096) + pool("b", 8192, 4096) + pool("c", 12_288, last);
      const api = `{ bind: 127.0.0.1:1, pool: app, routes: ${routes} }`;
      const text = `version: 1\nlisteners: { api: ${api} }\npools:\n${pools}`;
      return parseConfig(text, { file: "a" }).issues.map(({ code, path }) => `${code} ${path}`);
    };
    expect(codes(4096)).toEqual([]);
    expect(codes(4097)).toEqual(["too-many pools", "bad-value pools.c.endpoints"]);
  });

  test("an alias bomb ends with one issue", () => {
    const levels = Array.from(
      { length: 30 },
      (_, i) => `a${i + 1}: &a${i + 1} [${Array.from({ length: 10 }, () => `*a${i}`).join(", ")}]`,
    );
    const { issues } = parseConfig(`a0: &a0 [x]\n${levels.join("\n")}\n`, { file: "a" });
    expect(issues.map(({ code, message }) => `${code} ${message}`)).toEqual([
      "syntax more than 1000000 values, aliases resolved",
    ]);
  });

  test("of thousands of issues, the first thousand are listed", () => {
    const { issues } = parseConfig(Array.from({ length: 1500 }, (_, i) => `key${i}: 1`).join("\n"), { file: "a" });
    expect([issues.length, issues.at(-1)?.message]).toEqual([1001, "503 more issues are not shown"]);
  });
});

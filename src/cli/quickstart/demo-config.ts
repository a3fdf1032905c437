/** The configuration of the quickstart, as a person would write it: it is shown, kept while it runs, and a start for one's own. */
export function demoConfigText(options: {
  readonly port: number;
  /** 0: any free one. */
  readonly adminPort: number;
  readonly adminSocket: string;
  readonly services: readonly { readonly name: string; readonly port: number }[];
}): string {
  const endpoints = options.services.map(({ name, port }) => `      - { address: "127.0.0.1:${port}", name: ${name} }`);
  return `# Written by the quickstart of weichensteller; removed when it ends. Copy it to begin your own.
version: 1
listeners:
  api:
    bind: "127.0.0.1:${options.port}"
    pool: demo
pools:
  demo:
    endpoints:
${endpoints.join("\n")}
    health:
      http: { path: /healthcheck, expect: { status: [200-299], body: OK } }
      interval: 500ms
      fastInterval: 200ms
      timeout: 400ms
      rise: 2
      fall: 2
admin:
  bind: "127.0.0.1:${options.adminPort}"
  socket: ${JSON.stringify(options.adminSocket)}
process: { workers: 2, connections: 1000, drain: 5s }
log: { level: error, format: text } # the live view says the rest
`;
}

// An origin in a process of its own, so that it can be frozen. The first line it prints is its port, then comes a line for
// each request that it runs: method and target.
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  idleTimeout: 0,
  async fetch(request) {
    const target = new URL(request.url).pathname;
    await request.text();
    console.log(`${request.method} ${target}`);
    return new Response("good");
  },
});
console.log(server.port);

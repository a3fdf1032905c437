/** Debian packages that tests use: with `npm test -- --install` or CI=true, as root, they are installed. */
export interface DebianPackage {
  readonly name: string;
  /** What is looked for on PATH to know that it is there. */
  readonly command: string;
  /** Which tests want it, in a few words. */
  readonly use: string;
}

export const debianPackages: readonly DebianPackage[] = [
  { name: "iproute2", command: "ip", use: "network namespaces for whole-process tests" },
  { name: "iputils-arping", command: "arping", use: "address tests between namespaces" },
  { name: "nftables", command: "nft", use: "dropped and delayed packets between namespaces" },
  { name: "procps", command: "ps", use: "process names and trees" },
  {
    name: "nginx-light",
    command: "nginx",
    use: "nginx as an endpoint, and as a peer of the load bench",
  },
  { name: "haproxy", command: "haproxy", use: "the peer of the load bench" },
  { name: "caddy", command: "caddy", use: "a peer of the load bench" },
  { name: "wrk", command: "wrk", use: "load at the maximum rate" },
  { name: "nghttp2-client", command: "h2load", use: "load at a fixed rate" },
  { name: "slowhttptest", command: "slowhttptest", use: "slow clients" },
  { name: "mariadb-server", command: "mariadbd", use: "the database below Keystone" },
  { name: "keystone", command: "keystone-manage", use: "two real Keystone instances as endpoints" },
  { name: "uwsgi-core", command: "uwsgi", use: "the server that runs Keystone" },
  { name: "uwsgi-plugin-python3", command: "uwsgi_python3", use: "the server that runs Keystone" },
  { name: "python3-openstackclient", command: "openstack", use: "the client of the Keystone test" },
];

/** The package that brings a command, where it is one of ours. */
export function packageOf(command: string): string | undefined {
  return debianPackages.find((one) => one.command === command)?.name;
}

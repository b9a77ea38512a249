/** `raftsman dns`, `proxy` and `router`: what makes Services reachable, each as a program of its own. */
import { type Command, Option } from "commander";
import { defaults } from "./defaults.ts";
import { port } from "./flag-values.ts";

export function addTrafficCommands(program: Command): void {
  // `dns` and `dns query` have a flag in common: it belongs to the command it follows.
  program.enablePositionalOptions();
  const agent = (usage: string, summary: string) =>
    program
      .command(usage)
      .summary(summary)
      .option("--kubeconfig <file>", "how to reach the API server ($KUBECONFIG, then ~/.kube/config)");

  agent("proxy", "Services at their cluster IPs, on this machine")
    .description(
      "Listens on the cluster IPs and node ports of all Services, TCP and UDP, and leads connections to ready endpoints. Needs no privileges where cluster IPs are out of 127.0.0.0/8.",
    )
    .option("--node-name <names>", "nodes that are this machine, separated by commas (all)")
    .option(
      "--nodeport-addresses <hosts>",
      "where node ports are listened on, separated by commas",
      "127.0.0.1",
    )
    .action(async (options) => (await import("./commands/proxy.ts")).proxy(options));

  const router = agent("router", "Ingresses and Routes, by host name and path")
    .description(
      "Routes the requests for the host names of Ingresses (class raftsman) and OpenShift Routes to their Services: by HAProxy where it is installed, else by a proxy of its own.",
    )
    .option("--http-listen <host:port>", "for plain requests", `127.0.0.1:${defaults.routerHttpPort}`)
    .option("--https-listen <host:port>", "for TLS", `127.0.0.1:${defaults.routerHttpsPort}`)
    .addOption(driverOption("--driver <name>"))
    .option("--directory <dir>", "HAProxy's maps, configuration and sockets (temporary)")
    .option("--access-log", "a line for each request (embedded)")
    .action(async (options) => (await import("./commands/router.ts")).router(options));
  router
    .command("map")
    .summary("what is routed where, and what is not")
    .description("Prints the table of routes, most specific first, and why other rules are not in it.")
    .option("--kubeconfig <file>", "how to reach the API server ($KUBECONFIG, then ~/.kube/config)")
    .action(async (options) => (await import("./commands/router.ts")).map(options));

  const dns = agent("dns", "the cluster's DNS server")
    .description(
      "Serves the names of Services, endpoints and pods (Kubernetes DNS specification 1.1) over UDP and TCP.",
    )
    .option("--dns-listen <host:port>", "where to listen", defaults.dnsListen)
    .option("--cluster-domain <zone>", "the zone of the cluster's names", defaults.clusterDomain)
    .option("--dns-upstream <addresses>", "other servers to ask about other names, separated by commas", "")
    .action(async (options) => (await import("./commands/dns.ts")).dns(options));
  dns
    .command("query")
    .summary("ask a DNS server")
    .description("Asks a DNS server. SERVICE, SERVICE.NAMESPACE and SERVICE.NAMESPACE.svc are completed.")
    .argument("<name>")
    .option("-t, --type <type>", "A, AAAA, SRV, PTR, CNAME, TXT, SOA or NS", "A")
    .option("--server <host:port>", "who is asked", defaults.dnsListen)
    .option("--cluster-domain <zone>", "the zone of the cluster's names", defaults.clusterDomain)
    .action(async (name, options) => (await import("./commands/dns.ts")).query(name, options));
}

/** What `up` runs besides: each is on with `--runtime process`, for hollow pods have nothing that could be reached. */
export function withTrafficFlags(up: Command): Command {
  return up
    .option("--proxy", "listen on the cluster IPs of Services")
    .option("--no-proxy")
    .option("--dns", "serve the names of Services")
    .option("--no-dns")
    .option("--dns-listen <host:port>", `where (${defaults.dnsListen}, or a free port if that is taken)`)
    .option("--dns-upstream <addresses>", "other servers to ask about other names, separated by commas", "")
    .option("--cluster-domain <zone>", "the zone of the cluster's names", defaults.clusterDomain)
    .option(
      "--nodeport-addresses <hosts>",
      "where node ports are listened on, separated by commas",
      "127.0.0.1",
    )
    .option("--router", "route host names of Ingresses and Routes")
    .option("--no-router")
    .addOption(driverOption("--router-driver <name>"))
    .option(
      "--router-http-port <port>",
      `for plain requests (${defaults.routerHttpPort}, or a free one)`,
      port,
    )
    .option("--router-https-port <port>", `for TLS (${defaults.routerHttpsPort}, or a free one)`, port);
}

function driverOption(flags: string): Option {
  return new Option(flags, "what carries the requests; auto: HAProxy where it is installed")
    .choices(["auto", "haproxy", "embedded"])
    .default("auto");
}

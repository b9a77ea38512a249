/** `raftsman dns`, `proxy` and `router`: what makes Services reachable, each as a program of its own. */
import type { Command } from "commander";
import { defaults } from "./defaults.ts";

export function addTrafficCommands(program: Command): void {
  // `dns` and `dns query` have a flag in common: it belongs to the command it follows.
  program.enablePositionalOptions();
  const agent = (usage: string, summary: string) =>
    program
      .command(usage)
      .summary(summary)
      .option("--kubeconfig <file>", "how to reach the API server ($KUBECONFIG, then ~/.kube/config)");

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

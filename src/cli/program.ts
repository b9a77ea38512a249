/** The commands that a person types: each is a file in `commands/`, loaded only when it is the one asked for. */
import { Command, Option } from "commander";
import { withApiFlags } from "./api-flags/options.ts";
import { defaults } from "./defaults.ts";
import { fail } from "./fail.ts";
import { intervalMs, podRange, port, positiveNumber, quotaBytes, wholeNumber } from "./flag-values.ts";
import { addTrafficCommands, withTrafficFlags } from "./traffic-commands.ts";

const program = new Command("raftsman")
  .description(
    "Kubernetes' API without Kubernetes' weight: resource API, controllers and a Raft-replicated store in one process.",
  )
  .version(await version(), "--version")
  .showHelpAfterError("(--help shows what there is)")
  .addHelpText(
    "after",
    `
Start here:
  raftsman up                          a cluster of one member and one node; prints how to use it
  raftsman up --members 3 --nodes 5    three members, five nodes
  raftsman apply -f app.yaml           (or kubectl, with the kubeconfig that "up" names)
  raftsman get pods -A`,
  );

const imagesHelp =
  "OCI image layout (as skopeo copy docker://… oci:DIR:… writes it) whose images pods may run, each in a root of its own; needs Linux and root";

async function version(): Promise<string> {
  const { default: manifest } = await import("../../package.json", { with: { type: "json" } });
  return manifest.version;
}

const up = withTrafficFlags(program.command("up"))
  .summary("a whole cluster on this machine in one go")
  .description(
    "Starts a cluster, prints how to reach it, and runs until SIGINT or SIGTERM. Without --data-dir nothing is left behind.",
  )
  .addOption(
    new Option("--members <n>", "members of the store, each with an API server")
      .choices(["1", "3"])
      .default("1"),
  )
  .option("--nodes <n>", "nodes, in this process; 0 for none", wholeNumber, 1)
  .addOption(
    new Option(
      "--runtime <runtime>",
      "what their pods are: hollow ones only say that they run; process ones are programs of this machine",
    )
      .choices(["hollow", "process"])
      .default("hollow"),
  )
  .option("--data-dir <dir>", "where the cluster lives; a temporary one, removed at the end, by default")
  .option(
    "--port <port>",
    `port of the resource API (${defaults.apiPort}, or a free one if that is taken)`,
    port,
  )
  .option(
    "--etcd-port <port>",
    `port of etcd's API (${defaults.etcdPort}, or a free one if that is taken)`,
    port,
  )
  .option("--kubeconfig <file>", "write the kubeconfig here (by default into the data directory)")
  .option(
    "--certs <dir>",
    "write ca.crt, client.crt and client.key for etcdctl here (by default into the data directory)",
  )
  .option(
    "--service-cluster-ip-range <cidr>",
    `addresses of Services (${defaults.serviceClusterIpRange}; with the proxy and without --images the first free one from 127.96.0.0/16 on)`,
  )
  .option(
    "--pod-cidr <cidr>",
    `addresses of Pods, split among the nodes (${defaults.podCidr}; of processes the first free one from ${defaults.localPodCidr} on, with --images from ${defaults.podCidr} on)`,
    podRange,
  )
  .option("--images <dir>", imagesHelp)
  .option(
    "--address <ip>",
    "the nodes' InternalIP, where node ports are answered too (127.0.0.1; with --images the first one of this machine)",
  )
  .option(
    "--node-monitor-grace-period <seconds>",
    "without a heartbeat until a node is lost; its own nodes tell theirs four times in that, or in 40 s",
    positiveNumber,
    defaults.nodeMonitorGraceMs / 1000,
  )
  .action(async (options) => (await import("./commands/up.ts")).up(options));
// Members of one machine would write one audit log.
withApiFlags(up, ["Authentication", "Authorization", "Admission", "Limits", "Storage"]);

const serve = program
  .command("serve")
  .summary("one member, in the foreground")
  .description(
    "Runs one member: store, both APIs and controllers; with --etcd-servers, API and controllers on an etcd of yours. The flags are etcd's and kube-apiserver's where they have one.",
  )
  .option("--name <name>", "this member's name", "default")
  .option("--data-dir <dir>", "where it lives (NAME.raftsman by default)")
  .option(
    "--certs-dir <dir>",
    "certificates; made on first start (DATA-DIR/pki by default); members of one cluster share them",
  )
  .option(
    "--initial-cluster <list>",
    "all first members: name=peer-url,name=peer-url (this one alone by default)",
  )
  .option("--initial-cluster-token <token>", "what tells clusters apart", "etcd-cluster")
  .addOption(
    new Option(
      "--initial-cluster-state <state>",
      "existing: a running cluster was told of this member (etcdctl member add)",
    )
      .choices(["new", "existing"])
      .default("new"),
  )
  .option(
    "--listen-peer-urls <url>",
    "where members reach this one",
    `https://127.0.0.1:${defaults.peerPort}`,
  )
  .option(
    "--listen-client-urls <url>",
    "where etcd clients reach it",
    `https://127.0.0.1:${defaults.etcdPort}`,
  )
  .option(
    "--advertise-client-urls <urls>",
    "what the member list tells etcd clients (the listen URL by default)",
  )
  .option("--initial-advertise-peer-urls <urls>", "what the others dial (the listen URL by default)")
  .option("--bind-address <host>", "where the resource API listens", "127.0.0.1")
  .option("--secure-port <port>", "port of the resource API", port, defaults.apiPort)
  .option("--tls-san <names>", "more host names and addresses for the certificates", "")
  .option(
    "--heartbeat-interval <ms>",
    "between two heartbeats of the leader",
    wholeNumber,
    defaults.heartbeatMs,
  )
  .option(
    "--election-timeout <ms>",
    "without a heartbeat until an election",
    wholeNumber,
    defaults.electionMs,
  )
  .option("--snapshot-count <n>", "log entries between two snapshots", wholeNumber, defaults.snapshotCount)
  .option(
    "--quota-backend-bytes <n>",
    "data from which on puts are refused, and an alarm is raised (0: 2 GiB; negative: no bound)",
    quotaBytes,
  )
  .addOption(
    new Option("--auto-compaction-mode <mode>", "what --auto-compaction-retention counts")
      .choices(["periodic", "revision"])
      .default("periodic"),
  )
  .option(
    "--auto-compaction-retention <n>",
    "history the leader keeps: hours or a duration (30m), or revisions; 0: all of it",
    defaults.autoCompactionRetention,
  )
  .option("--etcd-prefix <prefix>", "before every key of the resource API", defaults.etcdPrefix)
  .option(
    "--etcd-servers <urls>",
    "members of an etcd cluster to keep everything in, instead of being a member of the store",
  )
  .option("--etcd-cafile <file>", "who signed their certificates (the system's authorities by default)")
  .option("--etcd-certfile <file>", "what they are shown")
  .option("--etcd-keyfile <file>", "its key")
  .option(
    "--etcd-compaction-interval <duration>",
    "history kept in that cluster (0: others compact it)",
    intervalMs,
    defaults.etcdCompactionIntervalMs,
  )
  .option("--service-cluster-ip-range <cidr>", "addresses of Services", defaults.serviceClusterIpRange)
  .option("--pod-cidr <cidr>", "addresses of Pods, split among the nodes", podRange, defaults.podCidr)
  .option(
    "--local-pod-cidr <cidr>",
    "loopback addresses that pods of this machine have, and endpoints may (none by default)",
  )
  .option(
    "--controllers <list>",
    "which run, by kube-controller-manager's names: * for those that are on by default, name, -name",
    "*",
  )
  .option(
    "--node-monitor-grace-period <seconds>",
    "without a heartbeat until a node is lost",
    wholeNumber,
    defaults.nodeMonitorGraceMs / 1000,
  )
  .option(
    "--terminated-pod-gc-threshold <n>",
    "finished pods from which on the oldest are deleted; 0: none is",
    wholeNumber,
    defaults.terminatedPodGcThreshold,
  )
  .option("--nodes <n>", "hollow nodes run by this process", wholeNumber, 0)
  .option("--kubeconfig <file>", "write an administrator's kubeconfig here")
  .action(async (options) => (await import("./commands/serve.ts")).serve(options));
withApiFlags(serve);

program
  .command("node")
  .summary("a node whose pods are programs of this machine")
  .description(
    "Joins a cluster as a node and runs the pods bound to it as processes of this machine. SIGTERM takes the node out and ends its pods; with --keep-pods, or after kill -9, programs run on, and the next start finds them again.",
  )
  .option("--kubeconfig <file>", "how to reach the server ($KUBECONFIG, then ~/.kube/config)")
  .option("--name <name>", "the node's name (this machine's host name)")
  .option("--data-dir <dir>", "where pods live (NAME.raftsman-node)")
  .option("--images <dir>", imagesHelp)
  .option("--address <ip>", "where the API server reaches this node, and its pods' host address", "127.0.0.1")
  .option("--port <port>", `of the node's own API; 0 for a free one`, port, defaults.nodePort)
  .option("--labels <list>", "labels of the node: key=value, separated by commas", "")
  .option(
    "--lease-duration <seconds>",
    "how long its heartbeat holds; renewed four times in that",
    positiveNumber,
    defaults.nodeLeaseSeconds,
  )
  .option(
    "--cluster-dns <ip>",
    "address of the cluster's DNS server for its pods, as the Service kube-dns has it",
  )
  .option("--cluster-domain <name>", "the cluster's zone", defaults.clusterDomain)
  .option("--keep-pods", "SIGTERM ends the agent only: programs run on and the node stays")
  .action(async (options) => (await import("./commands/node.ts")).node(options));

program
  .command("store")
  .summary("the store alone, started as etcd is: with its flags, environment and configuration file")
  .argument("[flags...]", "etcd's; --help shows them")
  .allowUnknownOption();

program
  .command("apiserver")
  .summary("the resource API alone, started as kube-apiserver is: with its flags, on an etcd cluster")
  .argument("[flags...]", "kube-apiserver's; --help shows them")
  .allowUnknownOption();

program
  .command("etcdutl")
  .summary("what etcd's etcdutl does with snapshots and data directories")
  .argument("[arguments...]", "etcdutl's; --help shows them")
  .allowUnknownOption();

program
  .command("certs")
  .summary("make a cluster's certificates")
  .description(
    "Makes the authorities and certificates that the members of one cluster share, where they are missing.",
  )
  .argument("<dir>", "what --certs-dir of each member names")
  .option("--tls-san <names>", "host names and addresses of all members, separated by commas", "")
  .option("--service-cluster-ip-range <cidr>", "addresses of Services", defaults.serviceClusterIpRange)
  .action(async (directory, options) => (await import("./commands/certs.ts")).certs(directory, options));

addTrafficCommands(program);

/** A command that talks to a server like kubectl does. */
const clientCommand = (usage: string, summary: string) =>
  program
    .command(usage)
    .hook("preAction", endWithReader)
    .summary(summary)
    .description(summary)
    .option("--kubeconfig <file>", "how to reach the server ($KUBECONFIG, then ~/.kube/config)")
    .option("-n, --namespace <name>", "the namespace (default)");

clientCommand("apply", "create what a manifest describes, or change it to that")
  .requiredOption(
    "-f, --filename <place>",
    "a file, a directory, - for standard input, or a URL; may be repeated",
    collect,
  )
  .option("--no-validate", "leave all checks to the server, document by document")
  .action(async (options) => (await import("./commands/apply.ts")).apply(options));

clientCommand("get", "show objects")
  .argument("<resource>", "pods, svc, deployments.apps, …, or resource/name")
  .argument("[names...]")
  .option("-A, --all-namespaces", "in every namespace")
  .option("-l, --selector <selector>", "only with these labels")
  .option("-o, --output <format>", "table, wide, json, yaml or name", "table")
  .action(async (resource, names, options) =>
    (await import("./commands/get.ts")).get(resource, names, options),
  );

clientCommand("watch", "show objects, then every change of them, until interrupted")
  .argument("<resource>")
  .argument("[name]")
  .option("-A, --all-namespaces", "in every namespace")
  .option("-l, --selector <selector>", "only with these labels")
  .option("-o, --output <format>", "table or json (one event a line)", "table")
  .action(async (resource, name, options) =>
    (await import("./commands/watch.ts")).watch(resource, name, options),
  );

clientCommand("scale", "set how many replicas a workload has")
  .argument("<resource>", "deployment/name, rs/name, rc/name")
  .argument("[name]")
  .requiredOption("--replicas <n>", "how many", wholeNumber)
  .action(async (resource, name, options) =>
    (await import("./commands/scale.ts")).scale(resource, name, options),
  );

clientCommand("delete", "delete objects by name, or all that a manifest names")
  .argument("[resource]")
  .argument("[names...]")
  .option("-f, --filename <place>", "as of apply", collect)
  .option("--no-wait", "do not wait until they are gone")
  .action(async (resource, names, options) =>
    (await import("./commands/delete.ts")).remove(resource, names, options),
  );

clientCommand("register", "keep an endpoint of a Service for as long as a program runs")
  .usage("[options] <service> --port <port> -- <command...>")
  .description(
    "Runs the command and keeps it an endpoint of the Service, which is made where it is missing: from when it listens until it ends. The endpoint is held by a Lease: it is gone at the latest --ttl seconds after this command is. Without a command it is held until SIGINT or SIGTERM.",
  )
  .argument("<service>")
  .argument("[command...]", "after --; signals are passed on to it, and its exit status is ours")
  .requiredOption("--port <port>", "where the program listens", port)
  .option("--service-port <port>", "of the Service (the program's)", port)
  .option("--port-name <name>", "which port of the Service, where that has several")
  .addOption(new Option("--protocol <protocol>").choices(["TCP", "UDP"]).default("TCP"))
  .option("--address <ip>", "where the program is reached (127.0.0.1 where the server is on this machine)")
  .option("--ttl <seconds>", "without a renewal until the endpoint is removed", positiveNumber, 5)
  .option("--no-wait", "do not wait until the port accepts connections")
  .action(async (service, command, options) =>
    (await import("./commands/register.ts")).register(service, command, options),
  );

function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}

/** Whoever reads our output may have seen enough, as `head` has: then there is nothing more to say, and nothing went wrong. */
function endWithReader(): void {
  process.stdout.on("error", (error: { code?: string }) => {
    if (error.code === "EPIPE") process.exit(0);
    fail(error);
  });
}

/** Runs what the command line says. @throws whatever the command does */
export async function runProgram(): Promise<void> {
  await program.parseAsync();
}

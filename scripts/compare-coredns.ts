/**
 * Asks CoreDNS and `raftsman dns` the same questions about the same API, and says where they differ. Opt-in, for it needs CoreDNS'
 * binary: `node scripts/compare-coredns.ts /path/to/coredns` (`go install github.com/coredns/coredns@latest` makes one).
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient, readKubeconfig, undiciTransport } from "../src/client/index.ts";
import { nodePlatform } from "../src/platform/index.ts";
import { populate, questions } from "../test/dns/cluster.ts";
import { type Dug, dig } from "../test/dns/dig.ts";
import { eventually, startCluster } from "../test/e2e/cluster.ts";

const coredns = process.argv[2];
if (coredns === undefined) {
  console.error("usage: node scripts/compare-coredns.ts /path/to/coredns");
  process.exit(2);
}
const ports = { coredns: 10_153, raftsman: 10_154 };

/** What the script's cluster cannot have: it gives out addresses of one family. */
const impossible = /^both\./;
/** Where we differ on purpose. */
const reasons: Record<string, string> = {
  "out.default.svc.cluster.local A": "CoreDNS drops the alias when it cannot resolve its target",
};

const cluster = await startCluster(["--service-cluster-ip-range", "127.96.0.0/16"]);
const platform = nodePlatform();
const transport = undiciTransport(await readKubeconfig(platform.disk, cluster.kubeconfig));
const corefile = join(cluster.directory, "Corefile");
const zones = "cluster.local in-addr.arpa ip6.arpa";
writeFileSync(
  corefile,
  `.:${ports.coredns} {\n  bind 127.0.0.1\n  kubernetes ${zones} {\n    kubeconfig ${cluster.kubeconfig}\n    pods insecure\n  }\n}\n`,
);
const ours = cluster.start("raftsman", [
  "dns",
  "--kubeconfig",
  cluster.kubeconfig,
  "--dns-listen",
  `127.0.0.1:${ports.raftsman}`,
]);
const theirs = spawn(coredns, ["-conf", corefile], { stdio: "ignore" });
let different = 0;
try {
  await populate({ client: singleStack(createClient({ transport, userAgent: "compare" })) });
  for (const port of Object.values(ports))
    await eventually("the last Service is served", async () => {
      const { status } = await dig(port, "loop.default.svc.cluster.local", "CNAME").catch(() => ({
        status: "none",
      }));
      return status === "NOERROR";
    });
  const look = ({ status, answers, authority, flags }: Dug) => ({
    status,
    answers,
    authority,
    aa: flags.includes("aa"),
  });
  for (const [question] of questions) {
    if (impossible.test(question)) continue;
    const [a, b] = await Promise.all(
      [ports.raftsman, ports.coredns].map((port) => dig(port, ...question.split(" "))),
    );
    const [mine, other] = [a, b].map((one) => JSON.stringify(look(one as Dug)));
    if (mine === other) continue;
    if (reasons[question] === undefined) different++;
    console.log(
      `${question}${reasons[question] === undefined ? "" : ` (${reasons[question]})`}\n  raftsman ${mine}\n  coredns  ${other}`,
    );
  }
  console.log(`${questions.length} questions, ${different} answered differently without a reason`);
} finally {
  theirs.kill();
  ours.stop();
  await transport.close();
  await cluster.stop();
}
process.exitCode = different === 0 ? 0 : 1;

/** The same client, leaving out Services of two families. */
function singleStack(client: ReturnType<typeof createClient>): ReturnType<typeof createClient> {
  return {
    ...client,
    create: (scope, object, subresource) =>
      object.spec?.clusterIPs?.length > 1
        ? Promise.resolve(object)
        : client.create(scope, object, subresource),
  };
}

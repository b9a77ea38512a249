/** A container's /etc/hosts, as the kubelet writes it. Pure. */
import type { Pod } from "../pod.ts";

const head = `# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`;

/** `hostFile`: the machine's own, which pods of its network get. */
export function hostsFile(
  pod: Pod,
  at: { readonly podIp: string; readonly clusterDomain: string | undefined; readonly hostFile: string },
): string {
  const { hostNetwork = false, hostAliases = [] } = pod.spec;
  const own = hostNetwork
    ? `# Kubernetes-managed hosts file (host network).\n${at.hostFile}`
    : head + ownLine(pod, at);
  if (hostAliases.length === 0) return own;
  const aliases = hostAliases.map(({ ip, hostnames = [] }) => `${[ip, ...hostnames].join("\t")}\n`);
  return `${own}\n# Entries added by HostAliases.\n${aliases.join("")}`;
}

function ownLine(
  pod: Pod,
  at: { readonly podIp: string; readonly clusterDomain: string | undefined },
): string {
  const name = hostNameOf(pod);
  const { subdomain } = pod.spec;
  if (!subdomain || at.clusterDomain === undefined) return `${at.podIp}\t${name}\n`;
  return `${at.podIp}\t${name}.${subdomain}.${pod.metadata.namespace}.svc.${at.clusterDomain}\t${name}\n`;
}

/** Of gethostname(2). */
const hostNameCharsMax = 63;

export function hostNameOf(pod: Pod): string {
  const name = pod.spec.hostname || (pod.metadata.name ?? "");
  return name.slice(0, hostNameCharsMax).replace(/[-.]+$/, "");
}

/**
 * A container's etc/resolv.conf, below its own directory as everything of it is. Nothing makes the C library read it there; a program or
 * a resolver that is told a file can be given this one.
 */
import { join, normalize } from "node:path";
import type { Files } from "../../platform/index.ts";
import type { Container, Pod } from "./pod.ts";

/** Where a pod's programs ask for names. */
export interface ClusterDns {
  /** Address of the nameserver, which answers on port 53. */
  readonly nameserver: string;
  /** Where the same is asked without privileges: `host:port`. */
  readonly server: string;
  /** `cluster.local` */
  readonly domain: string;
}

/** The variable that names the DNS server, as `host:port`. */
export const dnsVariable = "RAFTSMAN_DNS";

/** As many as resolvers look at (resolv.conf(5)), and as the kubelet writes. */
const nameserversMax = 3;
const searchesMax = 32;
const hostFile = "/etc/resolv.conf";

interface Settings {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  /** By name, in order. */
  readonly options: ReadonlyMap<string, string | undefined>;
}

/** What the pod's dnsPolicy and dnsConfig say, as the kubelet reads them. `host`: the machine's own file. */
export function resolvConf(pod: Pod, dns: ClusterDns | undefined, host: string): string {
  const { dnsPolicy = "ClusterFirst", dnsConfig = {}, hostNetwork = false } = pod.spec;
  const ofHost = parse(host);
  const clusterFirst =
    dnsPolicy === "ClusterFirstWithHostNet" || (dnsPolicy === "ClusterFirst" && !hostNetwork);
  let base: Settings = ofHost;
  if (dnsPolicy === "None") base = { nameservers: [], searches: [], options: new Map() };
  else if (clusterFirst && dns !== undefined) {
    const { nameserver, domain } = dns;
    const own = [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain];
    base = {
      nameservers: [nameserver],
      searches: [...own, ...ofHost.searches],
      options: new Map([["ndots", "5"]]),
    };
  }
  const options = new Map(base.options);
  for (const { name, value } of dnsConfig.options ?? []) options.set(name, value);
  return format({
    nameservers: [...base.nameservers, ...(dnsConfig.nameservers ?? [])],
    searches: [...base.searches, ...(dnsConfig.searches ?? [])],
    options,
  });
}

/** The same, with the machine's own file. */
export async function podResolvConf(files: Files, pod: Pod, dns: ClusterDns | undefined): Promise<string> {
  const host = await files.read(hostFile).catch(() => new Uint8Array());
  return resolvConf(pod, dns, Buffer.from(host).toString());
}

/** Writes it, but never into a volume: what is mounted at `/etc` is somebody's own. */
export async function writeResolvConf(
  files: Files,
  at: {
    readonly pod: Pod;
    readonly container: Container;
    readonly root: string;
    /** Beside it: where the file itself is. */
    readonly place: string;
    readonly dns: ClusterDns | undefined;
  },
): Promise<void> {
  const mounted = (at.container.volumeMounts ?? []).some(({ mountPath }) =>
    ["/", "/etc", "/etc/resolv.conf"].includes(normalize(`/${mountPath}`).replace(/(.)\/$/, "$1")),
  );
  if (mounted) return;
  const text = await podResolvConf(files, at.pod, at.dns);
  // The program may have put a link here, to where we may write and it may not: only its own directory gets anything, and that a link.
  const directory = join(at.root, "etc");
  if ((await files.linkTarget(directory)) !== undefined) return;
  await files.makeDirectory(directory);
  await files.write(at.place, Buffer.from(text), 0o644);
  await files.link(at.place, join(directory, "resolv.conf"));
}

function parse(text: string): Settings {
  const nameservers: string[] = [];
  let searches: string[] = [];
  const options = new Map<string, string | undefined>();
  for (const line of text.split("\n")) {
    const [key, ...values] = line.trim().split(/\s+/);
    if (key === "nameserver" && values[0] !== undefined) nameservers.push(values[0]);
    else if (key === "search") searches = values.filter((value) => value !== ".");
    else if (key === "options")
      for (const value of values) {
        const [name = "", setting] = value.split(":");
        options.set(name, setting);
      }
  }
  return { nameservers, searches, options };
}

function format({ nameservers, searches, options }: Settings): string {
  const different = (values: readonly string[], most: number): string[] =>
    [...new Set(values)].slice(0, most);
  const lines: string[] = [];
  if (searches.length > 0) lines.push(`search ${different(searches, searchesMax).join(" ")}`);
  for (const one of different(nameservers, nameserversMax)) lines.push(`nameserver ${one}`);
  const set = [...options].map(([name, value]) => (value === undefined ? name : `${name}:${value}`));
  if (set.length > 0) lines.push(`options ${set.join(" ")}`);
  return lines.map((line) => `${line}\n`).join("");
}

import { type QueryType, queryDns, queryTypes } from "../../dns/index.ts";
import { nodePlatform } from "../../platform/index.ts";
import { hostAndPort, upstreamsOf } from "../addresses.ts";
import type { ConnectionOptions } from "../connection.ts";
import { paint } from "../paint.ts";
import { runTraffic } from "../run-traffic.ts";

export interface DnsOptions extends ConnectionOptions {
  readonly dnsListen: string;
  readonly clusterDomain: string;
  readonly dnsUpstream: string;
}

/** The DNS server alone, beside any API server. */
export function dns(options: DnsOptions): Promise<void> {
  const listen = hostAndPort("--dns-listen", options.dnsListen);
  const upstreams = upstreamsOf(options.dnsUpstream);
  return runTraffic(
    options,
    () => ({ dns: { listen, zone: options.clusterDomain, upstreams } }),
    ({ dns: at }) => `DNS for ${options.clusterDomain} on ${at?.host}:${at?.port}`,
  );
}

/** Asks a DNS server, and prints what it says as a zone file would have it. Status 1 where there is no such name. */
export async function query(
  name: string,
  options: { type: string; server: string; clusterDomain: string },
): Promise<void> {
  const type = options.type.toUpperCase() as QueryType;
  if (!queryTypes.includes(type)) throw new Error(`--type: one of ${queryTypes.join(", ")}: ${options.type}`);
  const server = hostAndPort("--server", options.server);
  const asked = type === "PTR" ? reverseName(name) : wholeName(name, options.clusterDomain);
  const reply = await queryDns(nodePlatform(), server, asked, type);
  for (const record of [...reply.answers, ...(reply.answers.length === 0 ? reply.authority : [])])
    process.stdout.write(`${record.name}\t${record.ttl}\tIN\t${record.type}\t${record.data}\n`);
  if (reply.code === "NOERROR" && reply.answers.length > 0) return;
  const what = reply.code === "NOERROR" ? `no ${type} records` : reply.code;
  process.stderr.write(`${paint("yellow", what, process.stderr)}: ${asked}\n`);
  if (reply.code !== "NOERROR") process.exitCode = 1;
}

/** As the search path of a pod would: a bare name is a Service in "default", `web.shop` one in another namespace. */
function wholeName(name: string, zone: string): string {
  if (name.endsWith(".")) return name.slice(0, -1);
  const labels = name.split(".");
  if (labels.length === 1) return `${name}.default.svc.${zone}`;
  if (labels.length === 2) return `${name}.svc.${zone}`;
  return labels.at(-1) === "svc" ? `${name}.${zone}` : name;
}

/** `10.0.0.1` as the name that stands for it; others as they are. */
function reverseName(text: string): string {
  return /^\d+(\.\d+){3}$/.test(text) ? `${text.split(".").reverse().join(".")}.in-addr.arpa` : text;
}

/**
 * The cluster's names: a DNS server over UDP and TCP, to the Kubernetes DNS specification 1.1. `cluster-records.ts` says what there is,
 * `resolver.ts` what is answered, `message.ts` how that looks on the wire, `server.ts` puts it together.
 */
export { type DnsRecord, type DnsReply, type QueryType, queryDns, queryTypes } from "./client.ts";
export { type DnsServer, type DnsServerOptions, startDnsServer } from "./server.ts";

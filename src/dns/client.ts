import * as packet from "dns-packet";
import type { DatagramAddress, Platform } from "../platform/index.ts";
import { exchangeOverTcp, exchangeOverUdp } from "./exchange.ts";

/** What a server said, for people. */
export interface DnsReply {
  /** `NOERROR`, `NXDOMAIN`, … */
  readonly code: string;
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
}

export interface DnsRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  /** As in a zone file. */
  readonly data: string;
}

const queryTimeoutMs = 3000;

/** Types that can be asked for. */
export const queryTypes = ["A", "AAAA", "CNAME", "NS", "PTR", "SOA", "SRV", "TXT"] as const;
export type QueryType = (typeof queryTypes)[number];

/** Asks one server, over TCP where the answer is too long for UDP. @throws Error when it does not answer */
export async function queryDns(
  platform: Platform,
  server: DatagramAddress,
  name: string,
  type: QueryType,
): Promise<DnsReply> {
  const query = packet.encode({
    type: "query",
    id: Buffer.from(platform.random.bytes(2)).readUInt16BE(),
    flags: packet.RECURSION_DESIRED,
    questions: [{ type, name }],
  });
  const options = { server, timeoutMs: queryTimeoutMs };
  let answer = await exchangeOverUdp(platform, query, options);
  if (((answer[2] as number) & 0x02) !== 0) answer = await exchangeOverTcp(platform, query, options);
  const message = packet.decode(answer) as packet.DecodedPacket & { rcode?: string };
  return {
    code: message.rcode ?? "NOERROR",
    authoritative: message.flag_aa,
    answers: (message.answers ?? []).map(recordOf),
    authority: (message.authorities ?? []).map(recordOf),
  };
}

function recordOf(record: packet.Answer): DnsRecord {
  const { name, type } = record;
  return { name: `${name}.`, type, ttl: "ttl" in record ? (record.ttl ?? 0) : 0, data: dataOf(record) };
}

function dataOf(record: packet.Answer): string {
  switch (record.type) {
    case "A":
    case "AAAA":
      return record.data;
    case "CNAME":
    case "NS":
    case "PTR":
      return `${record.data}.`;
    case "SRV": {
      const { priority = 0, weight = 0, port, target } = record.data;
      return `${priority} ${weight} ${port} ${target}.`;
    }
    case "TXT":
      return [record.data]
        .flat()
        .map((part) => JSON.stringify(part.toString()))
        .join(" ");
    case "SOA": {
      const { mname, rname, serial, refresh, retry, expire, minimum } = record.data;
      return `${mname}. ${rname}. ${serial} ${refresh} ${retry} ${expire} ${minimum}`;
    }
    default:
      return JSON.stringify("data" in record ? record.data : undefined);
  }
}

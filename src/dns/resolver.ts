/**
 * From question to answer. Names of the cluster are answered at once from the informers; before their first lists are in, every such
 * question fails (SERVFAIL), for "there is no such name" would be kept by whoever asked. Other names are somebody else's: the forwarder's.
 */

import { type Answer, emptyAnswer, type ResourceRecord } from "./answer.ts";
import { clusterNameOf, reverseAddress } from "./cluster-name.ts";
import { type ClusterView, type Found, findInCluster, namesAt, type Target } from "./cluster-records.ts";
import { aliasesMax, ttlSeconds } from "./limits.ts";
import { classInternet, rcode, recordType } from "./message.ts";
import type { Question } from "./question.ts";

/** What to do with a question: answer it, after finding out about a foreign alias where there is one, or pass it on. */
export type Resolution =
  | { readonly kind: "answer"; readonly answer: Answer; readonly alias?: string }
  | { readonly kind: "forward" };

export interface ResolverOptions {
  readonly view: ClusterView;
  readonly hasSynced: () => boolean;
  /** Other servers are asked about other names. */
  readonly forwards: boolean;
}

export function createResolver(options: ResolverOptions): (question: Question) => Resolution {
  const { view } = options;
  const zoneLabels = view.zone.split(".");

  /** The labels before the zone; undefined: not in it. */
  function withinZone(labels: readonly string[]): string[] | undefined {
    const cut = labels.length - zoneLabels.length;
    if (cut < 0 || zoneLabels.some((label, index) => labels[cut + index] !== label)) return undefined;
    return labels.slice(0, cut);
  }

  function resolve(question: Question): Resolution {
    const { labels, type } = question;
    if (question.class !== classInternet || type === recordType.AXFR || type === recordType.IXFR)
      return refused;
    const inZone = withinZone(labels);
    if (inZone !== undefined) {
      if (!options.hasSynced()) return failed;
      const name = clusterNameOf(inZone);
      const found: Found = name === undefined ? { kind: "unknown" } : findInCluster(view, name);
      return answerFor(found, labels.join("."), type, 0);
    }
    const address = reverseAddress(labels);
    if (address !== undefined) {
      if (!options.hasSynced()) return failed;
      const names = namesAt(view, address);
      if (names.length > 0) return reverse(labels.join("."), type, names);
      // Nobody outside knows better where nobody outside may be asked.
      if (!options.forwards) return denied(labels.slice(-2).join("."), rcode.noName);
    }
    return options.forwards ? { kind: "forward" } : refused;
  }

  function answerFor(found: Found, owner: string, type: number, aliases: number): Resolution {
    switch (found.kind) {
      case "unknown":
        return denied(view.zone, rcode.noName);
      case "empty":
        return denied(view.zone, rcode.ok);
      case "apex":
        return apex(type);
      case "text":
        return type === recordType.TXT
          ? answered([{ name: owner, type: "TXT", ttl: ttlSeconds, data: [found.text] }])
          : denied(view.zone, rcode.ok);
      case "alias":
        return followAlias(found.name, owner, type, aliases);
      case "targets":
        return fromTargets(found.targets, owner, type);
    }
  }

  function fromTargets(found: readonly Target[], owner: string, type: number): Resolution {
    if (type === recordType.SRV) {
      const records = serviceRecords(found, owner);
      return records.length === 0 ? denied(view.zone, rcode.ok) : answered(records, addressRecords(found));
    }
    if (type !== recordType.A && type !== recordType.AAAA) return denied(view.zone, rcode.ok);
    const family = type === recordType.A ? "A" : "AAAA";
    const records = addressRecords(found, owner).filter((record) => record.type === family);
    return records.length === 0 ? denied(view.zone, rcode.ok) : answered(records);
  }

  function followAlias(name: string, owner: string, type: number, aliases: number): Resolution {
    // A SRV record must lead to a name that is no alias (RFC 2782).
    if (type === recordType.SRV) return denied(view.zone, rcode.ok);
    const alias: ResourceRecord = { name: owner, type: "CNAME", ttl: ttlSeconds, data: name };
    const inZone = withinZone(name.split("."));
    if (type === recordType.CNAME || aliases >= aliasesMax) return answered([alias]);
    if (inZone === undefined) {
      const answer = { ...emptyAnswer(rcode.ok, true), answers: [alias] };
      return options.forwards ? { kind: "answer", answer, alias: name } : { kind: "answer", answer };
    }
    const next = clusterNameOf(inZone);
    const found: Found = next === undefined ? { kind: "unknown" } : findInCluster(view, next);
    const rest = answerFor(found, name, type, aliases + 1);
    if (rest.kind !== "answer") return answered([alias]);
    return { ...rest, answer: { ...rest.answer, answers: [alias, ...rest.answer.answers] } };
  }

  function reverse(owner: string, type: number, names: readonly string[]): Resolution {
    if (type !== recordType.PTR) return denied(owner.split(".").slice(-2).join("."), rcode.ok);
    return answered(names.map((data) => ({ name: owner, type: "PTR", ttl: ttlSeconds, data })));
  }

  function apex(type: number): Resolution {
    if (type === recordType.SOA) return answered([startOfAuthority(view.zone)]);
    if (type !== recordType.NS) return denied(view.zone, rcode.ok);
    const server = `ns.dns.${view.zone}`;
    return answered(
      [{ name: view.zone, type: "NS", ttl: ttlSeconds, data: server }],
      addressRecords([{ address: view.serverAddress, port: undefined, name: server }]),
    );
  }

  return resolve;
}

const refused: Resolution = { kind: "answer", answer: emptyAnswer(rcode.refused) };
const failed: Resolution = { kind: "answer", answer: emptyAnswer(rcode.failure) };

function answered(answers: ResourceRecord[], additional: ResourceRecord[] = []): Resolution {
  return {
    kind: "answer",
    answer: { rcode: rcode.ok, authoritative: true, answers, authority: [], additional },
  };
}

/** No such name, or no such records there: with the zone's start of authority, which says how long to believe it (RFC 2308). */
function denied(zone: string, code: number): Resolution {
  const answer = { ...emptyAnswer(code, true), authority: [startOfAuthority(zone)] };
  return { kind: "answer", answer };
}

function startOfAuthority(zone: string): ResourceRecord {
  // Nobody transfers the zone, so its serial number need not move.
  const times = { serial: 1, refresh: 7200, retry: 1800, expire: 86_400, minimum: ttlSeconds };
  const data = { mname: `ns.dns.${zone}`, rname: `hostmaster.${zone}`, ...times };
  return { name: zone, type: "SOA", ttl: ttlSeconds, data };
}

/** Each address once; under its own name where no owner is given. */
function addressRecords(found: readonly Target[], owner?: string): ResourceRecord[] {
  const records = new Map<string, ResourceRecord>();
  for (const { address, name } of found) {
    const key = `${owner ?? name} ${address}`;
    if (!records.has(key))
      records.set(key, {
        name: owner ?? name,
        type: address.includes(":") ? "AAAA" : "A",
        ttl: ttlSeconds,
        data: address,
      });
  }
  return [...records.values()];
}

/** Shares of the traffic that are equal; CoreDNS' figures. */
function serviceRecords(found: readonly Target[], owner: string): ResourceRecord[] {
  const weight = Math.max(1, Math.floor(100 / found.length));
  const records = new Map<string, ResourceRecord>();
  for (const { name: target, port } of found) {
    if (port === undefined) continue;
    const data = { priority: 0, weight, port, target };
    records.set(`${target} ${port}`, { name: owner, type: "SRV", ttl: ttlSeconds, data });
  }
  return [...records.values()];
}

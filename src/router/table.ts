/**
 * From objects to the table of routes. Pure, and total: whatever an object says, it can spoil nothing but itself. Two that want the same host
 * and path are decided by age, as OpenShift does; the younger one is told who has it.
 */
import { ingressRules } from "./ingress-rules.ts";
import { routeRules } from "./route-rules.ts";
import type { Certificate, Ingress, Problem, Route, RouteEntry, RouteTable, TableSources } from "./types.ts";

export function buildTable(sources: TableSources): RouteTable {
  const objects = [
    ...sources.ingresses.map((ingress) => ({ object: ingress, rules: () => ingressRules(ingress, sources) })),
    ...sources.routes.map((route) => ({ object: route, rules: () => routeRules(route, sources) })),
  ].sort((a, b) => compareAge(a.object, b.object));
  const taken = new Map<string, RouteEntry>();
  /** Hosts of Routes belong to the namespace that came first. */
  const hostOwners = new Map<string, string>();
  const certificates = new Map<string, Certificate>();
  const problems = new Map<string, Problem[]>();
  const admitted = new Set<string>();
  for (const { object, rules } of objects) {
    const { owner, entries, certificates: own, problems: complaints } = rules();
    const found = [...complaints];
    const isRoute = owner.startsWith("Route ");
    for (const entry of entries) {
      const key = `${entry.host} ${entry.exact} ${entry.path}`;
      const holder = taken.get(key);
      const hostOwner = isRoute ? hostOwners.get(entry.host) : undefined;
      if (holder !== undefined || (hostOwner !== undefined && hostOwner !== object.metadata.namespace)) {
        const by = holder?.owner ?? `a Route of namespace ${hostOwner}`;
        found.push({
          reason: "HostAlreadyClaimed",
          message: `${by} has ${entry.host}${entry.path} already, and is older`,
        });
        continue;
      }
      taken.set(key, entry);
      if (isRoute) hostOwners.set(entry.host, object.metadata.namespace ?? "");
      admitted.add(owner);
    }
    // A certificate of one who has nothing at that host must not stand in for its owner's.
    for (const [host, certificate] of own)
      if (
        !certificates.has(host) &&
        (host === "" ||
          entries.some((entry) => taken.get(`${entry.host} ${entry.exact} ${entry.path}`) === entry))
      )
        certificates.set(host, certificate);
    if (found.length > 0) problems.set(owner, found);
  }
  return { entries: [...taken.values()].sort(compareSpecific), certificates, problems, admitted };
}

function compareAge(a: Ingress | Route, b: Ingress | Route): number {
  const key = ({ metadata }: Ingress | Route): string =>
    `${metadata.creationTimestamp ?? ""} ${metadata.namespace} ${metadata.name}`;
  return key(a) < key(b) ? -1 : 1;
}

/** Hosts, wildcards, any host; exact before prefix where both have the same path; long paths first. */
function compareSpecific(a: RouteEntry, b: RouteEntry): number {
  const rank = (host: string): number => (host === "" ? 2 : host.startsWith("*.") ? 1 : 0);
  return (
    rank(a.host) - rank(b.host) ||
    b.host.length - a.host.length ||
    (a.host < b.host ? -1 : a.host > b.host ? 1 : 0) ||
    Number(b.exact) - Number(a.exact) ||
    b.path.length - a.path.length ||
    (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)
  );
}

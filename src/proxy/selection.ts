import type { Endpoint } from "../catalog/index.ts";

/** Where a proxy is, as far as that decides where it sends traffic. */
export interface Place {
  /** The node runs on this machine. */
  isLocal(nodeName: string | undefined): boolean;
  readonly nodeName: string | undefined;
  readonly zone: string | undefined;
}

/**
 * The endpoints that may get new traffic now. kube-proxy's rules: the ready ones, near ones where hints allow it; where none is ready,
 * those that still serve while they terminate. With the policy Local only those of this machine, or none at all.
 */
export function selectEndpoints(
  endpoints: readonly Endpoint[],
  policy: "Cluster" | "Local",
  place: Place,
): readonly Endpoint[] {
  const candidates =
    policy === "Local" ? endpoints.filter(({ nodeName }) => place.isLocal(nodeName)) : endpoints;
  const ready = candidates.filter((endpoint) => endpoint.ready);
  if (ready.length > 0) return policy === "Local" ? ready : nearest(ready, place);
  return candidates.filter((endpoint) => endpoint.serving && endpoint.terminating);
}

/** Hints count only where every endpoint has one, and one of them is for here: a half-written state must not starve anybody. */
function nearest(ready: readonly Endpoint[], { nodeName, zone }: Place): readonly Endpoint[] {
  if (nodeName !== undefined && ready.every(({ forNodes }) => forNodes.length > 0)) {
    const here = ready.filter(({ forNodes }) => forNodes.includes(nodeName));
    if (here.length > 0) return here;
  }
  if (zone !== undefined && ready.every(({ forZones }) => forZones.length > 0)) {
    const here = ready.filter(({ forZones }) => forZones.includes(zone));
    if (here.length > 0) return here;
  }
  return ready;
}

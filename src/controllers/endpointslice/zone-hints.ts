/**
 * Which zone each endpoint of a Service with `service.kubernetes.io/topology-mode: Auto` is to serve: its own, but that zones get as many as their
 * share of the nodes' CPU. k8s.io/endpointslice/topologycache. Pure.
 */
import { compareQuantities, type KubeObject, parseQuantity } from "../../apimachinery/index.ts";
import { conditionOf } from "../pods.ts";
import { zoneOf } from "../service-pods/watcher.ts";
import type { Endpoint } from "./endpoint.ts";

const modeAnnotations = ["service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"];

/** Nodes with these labels run no pods of Services. */
const controlPlaneLabels = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/** A zone's endpoints may get so much more than their share of the traffic. */
const overloadThreshold = 0.2;

export function wantsZoneHints(service: KubeObject): boolean {
  const annotations = service.metadata.annotations ?? {};
  const mode = modeAnnotations.map((name) => annotations[name]).find((value) => value !== undefined);
  return mode === "Auto" || mode === "auto";
}

/** The part of all nodes' CPU that each zone has; undefined where some node does not say, or there is only one zone. */
export function zoneShares(nodes: readonly KubeObject[]): ReadonlyMap<string, number> | undefined {
  const cpu = new Map<string, number>();
  for (const node of nodes) {
    const labels = node.metadata.labels ?? {};
    if (controlPlaneLabels.some((label) => labels[label] !== undefined)) continue;
    if (conditionOf(node, "Ready")?.status !== "True") continue;
    const zone = zoneOf(node);
    const quantity = parseQuantity(node.status?.allocatable?.cpu ?? "0");
    if (zone === undefined || compareQuantities(quantity, parseQuantity("0")) === 0) return undefined;
    cpu.set(zone, (cpu.get(zone) ?? 0) + Number(quantity.nano));
  }
  if (cpu.size < 2) return undefined;
  const total = [...cpu.values()].reduce((sum, amount) => sum + amount, 0);
  return new Map([...cpu].map(([zone, amount]) => [zone, amount / total]));
}

/** The endpoints with hints; a text where they can have none. */
export function hintZones(
  endpoints: readonly Endpoint[],
  shares: ReadonlyMap<string, number> | undefined,
): Endpoint[] | string {
  const ready = endpoints.filter(({ conditions }) => conditions.ready);
  if (shares === undefined)
    return "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes";
  const counts = `(${ready.length} endpoints, ${shares.size} zones)`;
  if (shares.size > ready.length) return `Insufficient number of endpoints ${counts}`;
  const wanted = new Map<string, number>();
  let left = ready.length;
  for (const [zone, share] of shares) {
    const least = Math.ceil((share * ready.length) / (1 + overloadThreshold));
    wanted.set(zone, Math.max(share * ready.length, least));
    left -= least;
    if (left < 0)
      return `Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ${counts}`;
  }
  const had = new Map<string, number>();
  for (const { zone } of ready) {
    if (zone === undefined) return "One or more endpoints do not have a zone specified";
    had.set(zone, (had.get(zone) ?? 0) + 1);
  }
  const moves = movesBetween(wanted, had);
  return endpoints.map((endpoint) => {
    if (!endpoint.conditions.ready || endpoint.zone === undefined) return endpoint;
    const name = moves.get(endpoint.zone)?.pop() ?? endpoint.zone;
    return { ...endpoint, hints: { forZones: [{ name }] } };
  });
}

/** For each zone that has too many endpoints the zones that they are to serve instead. */
function movesBetween(
  wanted: ReadonlyMap<string, number>,
  had: ReadonlyMap<string, number>,
): Map<string, string[]> {
  const giving = new Map<string, number>();
  const receiving = new Map<string, number>();
  for (const [zone, target] of [...wanted].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const surplus = (had.get(zone) ?? 0) - target;
    if (surplus > 0) giving.set(zone, surplus);
    else if (surplus < 0) receiving.set(zone, -surplus);
  }
  const moves = new Map<string, string[]>();
  for (;;) {
    const [from, surplus] = most(giving);
    const [to, lack] = most(receiving);
    // Less than half an endpoint is not worth moving one.
    if (surplus < 0.5 || lack < 0.5 || (surplus < 1 && lack < 1)) return moves;
    giving.set(from, surplus - 1);
    receiving.set(to, lack - 1);
    moves.set(from, [to, ...(moves.get(from) ?? [])]);
  }
}

function most(zones: ReadonlyMap<string, number>): readonly [string, number] {
  let best: readonly [string, number] = ["", 0];
  for (const entry of zones) if (entry[1] > best[1]) best = entry;
  return best;
}

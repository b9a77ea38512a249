import { type Catalog, type Endpoint, endpointsOf } from "../catalog/index.ts";
import { selectEndpoints } from "../proxy/index.ts";
import type { RouteEntry } from "./types.ts";

/** An endpoint behind a route, and its share of the traffic among all of them: 1 to 256. */
export interface WeightedEndpoint {
  readonly endpoint: Endpoint;
  readonly weight: number;
}

const everywhere = { isLocal: () => true, nodeName: undefined, zone: undefined };
const weightMax = 256;

/**
 * The endpoints that a route's requests go to now. The weight of a Service is that of all its endpoints together, as OpenShift has it,
 * so that scaling one Service of several does not shift their shares.
 */
export function endpointsOfEntry(catalog: Catalog, { targets }: RouteEntry): WeightedEndpoint[] {
  const groups = targets.map(({ serviceKey, portName, weight }) => ({
    weight,
    endpoints: selectEndpoints(
      endpointsOf(catalog.slicesOf(serviceKey), { name: portName, protocol: "TCP" }),
      "Cluster",
      everywhere,
    ),
  }));
  const used = groups.filter(({ weight, endpoints }) => weight > 0 && endpoints.length > 0);
  if (used.length === 1) return (used[0]?.endpoints ?? []).map((endpoint) => ({ endpoint, weight: 1 }));
  const heaviest = Math.max(...used.map(({ weight, endpoints }) => weight / endpoints.length));
  return used.flatMap(({ weight, endpoints }) =>
    endpoints.map((endpoint) => ({
      endpoint,
      weight: Math.max(1, Math.round((weight / endpoints.length / heaviest) * weightMax)),
    })),
  );
}

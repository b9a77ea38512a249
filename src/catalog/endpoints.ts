import type { Endpoint, EndpointSlice, Protocol, SliceEndpoint } from "./types.ts";

/** The conditions of an endpoint with their defaults (discovery.k8s.io/v1: unknown is ready, serving follows ready). */
export function conditionsOf({ conditions }: SliceEndpoint): {
  ready: boolean;
  serving: boolean;
  terminating: boolean;
} {
  const ready = conditions?.ready ?? true;
  return { ready, serving: conditions?.serving ?? ready, terminating: conditions?.terminating ?? false };
}

/**
 * The endpoints behind one port of a Service, by its name and protocol. An address that two slices hold, as happens for a moment
 * when the controller moves it, comes once: the one that is ready wins. In the order of the addresses, so that equal states look equal.
 */
export function endpointsOf(
  slices: readonly EndpointSlice[],
  port: { readonly name: string; readonly protocol: Protocol },
): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const slice of slices) {
    if (slice.addressType === "FQDN") continue;
    for (const { name = "", protocol = "TCP", port: number } of slice.ports ?? []) {
      if (name !== port.name || protocol !== port.protocol || number === undefined) continue;
      for (const endpoint of slice.endpoints ?? []) {
        // The addresses of one endpoint are interchangeable; consumers use the first.
        const address = endpoint.addresses?.[0];
        if (address === undefined) continue;
        const key = `${address} ${number}`;
        const conditions = conditionsOf(endpoint);
        const known = found.get(key);
        if (known !== undefined && (known.ready || !conditions.ready)) continue;
        found.set(key, {
          address,
          port: number,
          ...conditions,
          nodeName: endpoint.nodeName,
          forZones: (endpoint.hints?.forZones ?? []).map((zone) => zone.name),
          forNodes: (endpoint.hints?.forNodes ?? []).map((node) => node.name),
          podName: endpoint.targetRef?.kind === "Pod" ? endpoint.targetRef.name : undefined,
        });
      }
    }
  }
  return [...found.keys()].sort().map((key) => found.get(key) as Endpoint);
}

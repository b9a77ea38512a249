/**
 * The records of the cluster, computed from what the informers hold at the moment of the question: no table to keep true, no
 * moment between a change and its answer. Kubernetes DNS specification 1.1; where that leaves a choice, CoreDNS' (its weights, its names for
 * endpoints, which names exist).
 */
import type { Catalog, EndpointSlice, Service } from "../catalog/index.ts";
import { clusterIpsOf, conditionsOf } from "../catalog/index.ts";
import { type ClusterName, dashed } from "./cluster-name.ts";

/** A place that a name leads to. */
export interface Target {
  readonly address: string;
  /** Undefined: it has no port that a SRV record could name. */
  readonly port: number | undefined;
  /** Whole name of the place itself: the service, or one of its endpoints. */
  readonly name: string;
}

/** What the cluster knows of a name. */
export type Found =
  | { readonly kind: "targets"; readonly targets: readonly Target[] }
  | { readonly kind: "alias"; readonly name: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "apex" }
  /** The name exists and has no records of its own. */
  | { readonly kind: "empty" }
  | { readonly kind: "unknown" };

export interface ClusterView {
  readonly catalog: Catalog;
  hasNamespace(name: string): boolean;
  /** Lower case, without dots at the ends: `cluster.local`. */
  readonly zone: string;
  /** Where this server is reached. */
  readonly serverAddress: string;
}

const specificationVersion = "1.1.0";
const empty: Found = { kind: "empty" };
const unknown: Found = { kind: "unknown" };

export function findInCluster(view: ClusterView, name: ClusterName): Found {
  switch (name.kind) {
    case "apex":
      return { kind: "apex" };
    case "inner":
      return empty;
    case "version":
      return { kind: "text", text: specificationVersion };
    case "server":
      return targets([{ address: view.serverAddress, port: undefined, name: `ns.dns.${view.zone}` }]);
    case "namespace":
      return view.hasNamespace(name.namespace) ? empty : unknown;
    case "pod":
      if (!view.hasNamespace(name.namespace)) return unknown;
      // Any address, as of CoreDNS' mode "insecure", which kubeadm sets: the name is a way to write an address.
      return targets([
        {
          address: name.address,
          port: undefined,
          name: `${dashed(name.address)}.${name.namespace}.pod.${view.zone}`,
        },
      ]);
    case "service":
      return findService(view, name);
  }
}

function findService(view: ClusterView, name: ClusterName & { kind: "service" }): Found {
  const { catalog, zone } = view;
  const service = catalog.services.get(name.namespace, name.service);
  if (service === undefined) return unknown;
  const whole = `${name.service}.${name.namespace}.svc.${zone}`;
  const { spec } = service;
  if (spec?.type === "ExternalName") {
    const part = name.endpoint ?? name.port ?? name.protocol;
    const alias = (spec.externalName ?? "").toLowerCase().replace(/\.$/, "");
    // An address is no name that an alias could lead to.
    return part !== undefined || alias === "" || /^[\d.]+$|:/.test(alias)
      ? unknown
      : { kind: "alias", name: alias };
  }
  const found =
    name.endpoint !== undefined || isHeadless(service)
      ? endpointTargets(catalog.slicesOf(`${name.namespace}/${name.service}`), name, whole)
      : clusterIpTargets(service, name, whole);
  return found.length === 0 ? unknown : targets(found);
}

const isHeadless = ({ spec }: Service): boolean => spec?.clusterIP === "None";

function clusterIpTargets(
  service: Service,
  name: ClusterName & { kind: "service" },
  whole: string,
): Target[] {
  const found: Target[] = [];
  for (const port of service.spec?.ports ?? []) {
    if (!isAsked(name, port)) continue;
    for (const address of clusterIpsOf(service)) found.push({ address, port: port.port, name: whole });
  }
  return found;
}

function endpointTargets(
  slices: readonly EndpointSlice[],
  name: ClusterName & { kind: "service" },
  whole: string,
): Target[] {
  const found: Target[] = [];
  for (const slice of slices) {
    if (slice.addressType === "FQDN") continue;
    // A slice without ports has endpoints all the same; nothing but an address is known of them.
    const ports = slice.ports?.length ? slice.ports : [{ name: "", port: undefined }];
    for (const endpoint of slice.endpoints ?? []) {
      if (!conditionsOf(endpoint).ready) continue;
      for (const address of endpoint.addresses ?? []) {
        const host = (endpoint.hostname ?? dashed(address)).toLowerCase();
        if (name.endpoint !== undefined && name.endpoint !== host) continue;
        for (const port of ports) {
          if (isAsked(name, port)) found.push({ address, port: port.port, name: `${host}.${whole}` });
        }
      }
    }
  }
  return found;
}

function isAsked(
  asked: { port?: string; protocol?: string },
  port: { name?: string; protocol?: string },
): boolean {
  return (
    (asked.port === undefined || asked.port === (port.name ?? "").toLowerCase()) &&
    (asked.protocol === undefined || asked.protocol === (port.protocol ?? "TCP").toLowerCase())
  );
}

/** Names of an address: of the Service it stands for, else of the endpoints there. */
export function namesAt({ catalog, zone }: ClusterView, address: string): string[] {
  const service = catalog.servicesAt(address)[0];
  if (service !== undefined) return [`${service.metadata.name}.${service.metadata.namespace}.svc.${zone}`];
  const names = new Set<string>();
  for (const slice of catalog.slicesAt(address)) {
    const { namespace, labels } = slice.metadata;
    const name = labels?.["kubernetes.io/service-name"];
    if (name === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) {
      if (!endpoint.addresses?.includes(address) || !conditionsOf(endpoint).ready) continue;
      names.add(`${(endpoint.hostname ?? dashed(address)).toLowerCase()}.${name}.${namespace}.svc.${zone}`);
    }
  }
  return [...names].sort();
}

const targets = (found: readonly Target[]): Found => ({ kind: "targets", targets: found });

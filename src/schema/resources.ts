import resourcesJson from "../../schemas/kubernetes/resources.json" with { type: "json" };
import type { GroupVersionKind, GroupVersionResource } from "../apimachinery/index.ts";

/** A column of a resource's Table. */
export interface TableColumn {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  /** Above 0: only in wide output. */
  readonly priority: number;
}

export interface SubresourceInfo {
  /** `status`, `scale`, `binding`, … */
  readonly name: string;
  readonly verbs: readonly string[];
  /** What it speaks; Scale is autoscaling/v1. */
  readonly kind: GroupVersionKind;
}

/** One resource in one version, as discovery shows it. */
export interface ResourceInfo extends GroupVersionResource {
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  readonly subresources: readonly SubresourceInfo[];
  /** Of its Table; empty for what cannot be listed. */
  readonly columns: readonly TableColumn[];
  /** The resource's part of the storage key: `services/specs`, `minions`, `deployments`, … */
  readonly storageName: string;
}

/** Names that upstream's keys kept from earlier times (storage factory, SpecialDefaultResourcePrefixes), and those of aggregated servers. */
const historicalStorageNames: Readonly<Record<string, string>> = {
  "v1/services": "services/specs",
  "v1/endpoints": "services/endpoints",
  "v1/nodes": "minions",
  "v1/replicationcontrollers": "controllers",
  "networking.k8s.io/v1/ingresses": "ingress",
  "apiextensions.k8s.io/v1/customresourcedefinitions": "apiextensions.k8s.io/customresourcedefinitions",
  "apiregistration.k8s.io/v1/apiservices": "apiregistration.k8s.io/apiservices",
};

function readResources(): ResourceInfo[] {
  return Object.entries(resourcesJson).map(([key, facts]) => {
    const parts = key.split("/");
    const [group, version, resource] = (parts.length === 2 ? ["", ...parts] : parts) as [
      string,
      string,
      string,
    ];
    return { group, version, resource, ...facts, storageName: historicalStorageNames[key] ?? resource };
  });
}

let resources: readonly ResourceInfo[] | undefined;
const byResource = new Map<string, ResourceInfo>();
const byKind = new Map<string, ResourceInfo>();

/** Every built-in resource, in discovery's order; those that this server does not serve included. */
export function builtinResources(): readonly ResourceInfo[] {
  if (resources === undefined) {
    resources = readResources();
    for (const info of resources) {
      byResource.set(`${info.group}/${info.version}/${info.resource}`, info);
      byKind.set(`${info.group}/${info.version}/${info.kind}`, info);
    }
  }
  return resources;
}

export function resourceInfo(resource: GroupVersionResource): ResourceInfo | undefined {
  builtinResources();
  return byResource.get(`${resource.group}/${resource.version}/${resource.resource}`);
}

/** The resource whose objects are of this kind. */
export function resourceOfKind(kind: GroupVersionKind): ResourceInfo | undefined {
  builtinResources();
  return byKind.get(`${kind.group}/${kind.version}/${kind.kind}`);
}

import resourcesJson from "../../schemas/kubernetes/resources.json" with { type: "json" };
import type { GroupVersionKind, GroupVersionResource } from "../apimachinery/index.ts";
import type { OpenApiSchema } from "./go-types.ts";

/** A column of a resource's Table. */
export interface TableColumn {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  /** Above 0: only in wide output. */
  readonly priority: number;
  /** "" by default. */
  readonly description?: string;
}

export interface SubresourceInfo {
  /** `status`, `scale`, `binding`, … */
  readonly name: string;
  readonly verbs: readonly string[];
  /** What it speaks; Scale is autoscaling/v1. */
  readonly kind: GroupVersionKind;
}

/** Schemas of a kind that a CRD defines, as they are published. */
export interface PublishedKind {
  /** `com.example.stable.v1.CronTab` */
  readonly name: string;
  readonly listName: string;
  /** In OpenAPI 3's form, of which 2's is made; except for what 2 cannot say. */
  readonly v3: OpenApiSchema;
  readonly v2: OpenApiSchema;
  readonly list: OpenApiSchema;
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
  /** What its objects are stored as, where that is another version of the kind. */
  readonly storedVersion?: string;
  /** How a custom kind stands in the OpenAPI documents; built-in kinds have their definitions. */
  readonly published?: PublishedKind;
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

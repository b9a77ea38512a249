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

/** One served resource in one version, as discovery shows it. */
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

/** Every built-in resource, in discovery's order; those that this server does not serve included. */
export function builtinResources(): readonly ResourceInfo[] {
  return [];
}
export function resourceInfo(resource: GroupVersionResource): ResourceInfo | undefined {
  void resource;
  return undefined;
}
/** The resource whose objects are of this kind. */
export function resourceOfKind(kind: GroupVersionKind): ResourceInfo | undefined {
  void kind;
  return undefined;
}

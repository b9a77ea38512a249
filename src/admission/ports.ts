import type { GroupVersionKind, GroupVersionResource, KubeObject, UserInfo } from "../apimachinery/index.ts";

export type Operation = "CREATE" | "UPDATE" | "DELETE";

/** A request on its way to the store: k8s.io/apiserver/pkg/admission.Attributes. */
export interface AdmissionRequest {
  readonly operation: Operation;
  readonly resource: GroupVersionResource;
  readonly subresource: string;
  readonly kind: GroupVersionKind;
  readonly namespace: string;
  readonly name: string;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** Undefined for DELETE. Mutating plugins may change it in place; validating ones must not. */
  readonly object: KubeObject | undefined;
  /** Undefined for CREATE. Shared: never changed. */
  readonly old: KubeObject | undefined;
  /** CreateOptions, UpdateOptions, PatchOptions or DeleteOptions as the client sent them. */
  readonly options?: KubeObject | undefined;
  /** Adds a `Warning` header, once per text. */
  warn?(text: string): void;
}

/** Lets a request through, changes it, or refuses it by throwing a StatusError. */
export interface AdmissionPlugin {
  readonly name: string;
  mutate?(request: AdmissionRequest): Promise<void> | void;
  validate?(request: AdmissionRequest): Promise<void> | void;
}

/** Reads that plugins make of other objects, from the watch cache where that is fresh enough. */
export interface AdmissionReader {
  /** Undefined where there is none. `fresh`: not from a cache. */
  get(
    resource: GroupVersionResource,
    at: { namespace: string; name: string; fresh?: boolean },
  ): Promise<KubeObject | undefined>;
  /** All of a resource outside of namespaces, from the cache. */
  list(resource: GroupVersionResource): Promise<readonly KubeObject[]>;
}

/** Objects that plugins are configured by, kept up to date by a watch: looking at them never waits. */
export interface ObjectView {
  /** Sorted by name. */
  readonly all: readonly KubeObject[];
  inNamespace(namespace: string): readonly KubeObject[];
  /** Moves with every change: what was made of the objects before is stale. */
  readonly generation: number;
}

export interface ConfigurationViews {
  /** The view of a resource; the same for the same resource. */
  of(resource: GroupVersionResource): ObjectView;
  /** Whether every view knows all there is; requests wait for it once, after the start. */
  readonly synced: boolean;
  readonly whenSynced: Promise<void>;
}

/** What plugins write. */
export interface AdmissionWriter {
  /** Past every cache. Undefined where there is none. */
  read(
    resource: GroupVersionResource,
    at: { namespace: string; name: string },
  ): Promise<KubeObject | undefined>;
  /** Under the object's resourceVersion. @throws StatusError Conflict, NotFound */
  updateStatus(resource: GroupVersionResource, object: KubeObject): Promise<void>;
}

import type {
  GroupVersionKind,
  GroupVersionResource,
  Json,
  JsonObject,
  KubeObject,
  UserInfo,
} from "../apimachinery/index.ts";

export type Operation = "CREATE" | "UPDATE" | "DELETE" | "CONNECT";

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
  /** Undefined for DELETE; for CONNECT what is connected to (PodExecOptions, …), which has no metadata. Mutating plugins may change it in place; validating ones must not. */
  readonly object: KubeObject | undefined;
  /** Undefined for CREATE. Shared: never changed. */
  readonly old: KubeObject | undefined;
  /** CreateOptions, UpdateOptions, PatchOptions or DeleteOptions as the client sent them. */
  readonly options?: KubeObject | undefined;
  /** Fields as a client might have sent them to a whole object of this kind, defaults filled in. @throws Error for what is none */
  complete?(fields: JsonObject): KubeObject;
  /** As an object of this kind is written: an object on its way has lists and maps without items that are then left out. */
  written?(object: KubeObject): KubeObject;
  /** Adds a `Warning` header, once per text. */
  warn?(text: string): void;
  /** What is left of the time that the client gives the request; without an end where it is left out. */
  remainingMs?(): number;
  /** Adds to what the record of who did what tells of the request, where it tells of it. */
  readonly annotate?: ((key: string, value: string) => void) | undefined;
  /** The same request as other served versions of the resource have it. */
  readonly equivalents?: readonly EquivalentRequest[];
  /** What the client named, where this is its request in another version. */
  readonly asked?: Pick<AdmissionRequest, "resource" | "kind">;
}

/** Another version that a request can be looked at in. The conversions do not change their argument. */
export interface EquivalentRequest {
  readonly resource: GroupVersionResource;
  readonly kind: GroupVersionKind;
  complete(fields: JsonObject): KubeObject;
  written(object: KubeObject): KubeObject;
  fromHere(object: KubeObject): KubeObject | Promise<KubeObject>;
  toHere(object: KubeObject): KubeObject | Promise<KubeObject>;
}

/** Lets a request through, changes it, or refuses it by throwing a StatusError. */
export interface AdmissionPlugin {
  readonly name: string;
  /** Names of the only resources that it has to do with, of whatever group; all where it says none. It is asked about no other. */
  readonly resources?: readonly string[];
  /** It is asked about CONNECT, too; others would take what is connected with for an object of the resource. */
  readonly connects?: boolean;
  mutate?(request: AdmissionRequest, pass: MutationPass): Promise<void> | void;
  validate?(request: AdmissionRequest): Promise<void> | void;
}

/** One way through the mutating plugins. They go through all of it a second time where one of them asks for it. */
export interface MutationPass {
  readonly request: AdmissionRequest;
  readonly isAgain: boolean;
  /** Something changed that others may want to see. */
  again(): void;
}

/** The resource that holds objects of a kind. */
export type KindLookup = (
  kind: GroupVersionKind,
) => { readonly resource: GroupVersionResource; readonly namespaced: boolean } | undefined;

/** Where to send a question, and whom to trust there. */
export interface WebhookAddress {
  /** As errors show it; its host is the name that the certificate must have. */
  readonly url: string;
  /** PEM; the system's authorities when undefined. */
  readonly ca: string | undefined;
  /** Where to connect to instead of the URL's host. */
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number } | undefined;
}

export interface WebhookClient {
  /** The JSON object that is answered. @throws Error `Post "URL": why`, or what client-go says of an answer that is none */
  post(address: WebhookAddress, body: string, timeoutMs: number): Promise<Json>;
}

/** Reads that plugins make of other objects, from the watch cache where that is fresh enough. */
export interface AdmissionReader {
  /** Undefined where there is none. `fresh`: not from a cache. */
  get(
    resource: GroupVersionResource,
    at: { namespace: string; name: string; fresh?: boolean },
  ): Promise<KubeObject | undefined>;
  /** All of a resource, or those in a namespace, from the cache. */
  list(resource: GroupVersionResource, namespace?: string): Promise<readonly KubeObject[]>;
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

import type {
  GroupVersionKind,
  GroupVersionResource,
  Json,
  KubeObject,
  Status,
  UserInfo,
  WebhookClientConfig,
} from "../apimachinery/index.ts";
import type { Authenticator, Authorizer, GrantCheck, PolicyRule, TokenIssuer } from "../auth/index.ts";
import type { Clock, Random } from "../platform/index.ts";
import type { KindForm, ResourceInfo } from "../schema/index.ts";
import type {
  SelectionPredicate,
  Storage,
  StorageWatch,
  Stored,
  StoredList,
  WatchOptions,
  WatchSink,
} from "../storage/index.ts";
import type { RequestContext } from "./context.ts";
import type { Strategy, UpdateRules } from "./strategy.ts";

/** Verbs as discovery names them. */
export type Verb = "create" | "delete" | "deletecollection" | "get" | "list" | "patch" | "update" | "watch";

/** Resources behind verbs: what the API server serves. */
export interface Registry {
  /** Undefined where the resource (or subresource, `deployments/scale`) is not served. */
  resource(resource: GroupVersionResource): ResourceHandler | undefined;
  /** Everything served, in discovery's order. */
  readonly resources: readonly ResourceHandler[];
  /** Raised whenever `resources` changes; what is made of them is good as long as this stays. */
  readonly generation: number;
  /** What CustomResourceDefinitions define is served. */
  readonly ready: Promise<void>;
  /** Calls back whenever `generation` has been raised, until the answered function is called. */
  onChange(changed: () => void): () => void;
  close(): Promise<void>;
}

/** The objects of an endpoint as another served version has them. The conversions do not change their argument. */
export interface EquivalentForm {
  readonly resource: GroupVersionResource;
  readonly form: KindForm;
  fromHere(object: KubeObject): KubeObject | Promise<KubeObject>;
  toHere(object: KubeObject): KubeObject | Promise<KubeObject>;
}

/**
 * One resource or subresource behind its verbs. A verb that is absent is not served (405). All throw apimachinery's StatusError.
 */
export interface ResourceHandler {
  readonly resource: GroupVersionResource;
  /** The resource (a subresource's parent) as discovery shows it. */
  readonly info: ResourceInfo;
  /** "status", "scale" … or "" for the resource itself. */
  readonly subresource: string;
  readonly kind: GroupVersionKind;
  /** Of the objects that clients send and get here. */
  readonly form: KindForm;
  readonly namespaced: boolean;
  /** Other versions of the same objects, where there are any. */
  readonly equivalents?: readonly EquivalentForm[];
  /** What is posted here has the system's metadata of another object, such as its uid, which is compared and not wiped. */
  readonly keepsSystemFields?: boolean;
  readonly verbs: readonly Verb[];
  readonly strategy: Strategy;
  /** Of this endpoint: the strategy itself, or the subresource's part of it. */
  readonly rules: UpdateRules;
  /** Carries bytes to a pod or node (log, exec, proxy …): none of the verbs below is there. */
  readonly connects?: boolean;
  get?(name: string, context: RequestContext, options?: { resourceVersion?: string }): Promise<Stored>;
  list?(query: ListQuery, context: RequestContext): Promise<StoredList>;
  watch?(query: { namespace: string; options: WatchOptions }, sink: WatchSink): StorageWatch;
  create?(object: KubeObject, context: RequestContext, options: CreateOptions): Promise<Stored>;
  /** POST to a named object's subresource: binding, eviction, token. */
  createNamed?(
    name: string,
    object: KubeObject,
    context: RequestContext,
    options: CreateOptions,
  ): Promise<KubeObject | Status>;
  /** PUT and PATCH: `next` makes the new object from the present one (a PUT ignores it), again after every lost race. */
  update?(
    name: string,
    next: NextObject,
    context: RequestContext,
    options: UpdateOptions,
  ): Promise<Stored & { created: boolean }>;
  delete?(name: string, context: RequestContext, options: DeleteOptions): Promise<DeleteResult>;
  deleteCollection?(query: ListQuery, context: RequestContext, options: DeleteOptions): Promise<StoredList>;
}

export interface ListQuery {
  /** "" all. */
  readonly namespace: string;
  readonly predicate: SelectionPredicate;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: "" | "Exact" | "NotOlderThan";
  readonly limit: number;
  readonly continue: string;
}

/**
 * `current` undefined: there is none, and the strategy allows create on update. The answer and its metadata are then the update's own, which
 * sets what the system decides; the rest may be shared with `current`.
 */
export type NextObject = (current: Stored | undefined) => KubeObject | Promise<KubeObject>;

/** Validating admission, called with the object as it will be stored. @throws StatusError to refuse */
export type Validate = (object: KubeObject, old: KubeObject | undefined) => Promise<void> | void;

export interface CreateOptions {
  readonly validate?: Validate;
}

export interface UpdateOptions {
  readonly validateCreate?: Validate;
  readonly validateUpdate?: Validate;
  /** The uid that a PUT's body names. */
  readonly uid?: string;
  /** Create where missing although the strategy does not say so (server-side apply). */
  readonly forceAllowCreate?: boolean;
  /** Fail where the object is too large to be stored, rather than store it without its managed fields. */
  readonly keepManagedFields?: boolean;
}

/** metav1.DeleteOptions, decoded. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: "Orphan" | "Background" | "Foreground";
  readonly orphanDependents?: boolean;
  readonly validate?: Validate;
}

/** `object` is what stays or was removed; `status` is answered instead where upstream answers one. */
export interface DeleteResult {
  readonly object: Stored;
  /** False: finalizers or a grace period keep it for now (202 for grace, 200 else). */
  readonly removed: boolean;
  readonly status: Status | undefined;
}

export interface RegistryOptions {
  /** The store of one resource; asked once for each. */
  storageFor(resource: StoredResource): Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly flags: RegistryFlags;
  readonly access: Access;
  /** How the parts of this member are, for ComponentStatuses. */
  components(): readonly ComponentHealth[];
  /** Asks the conversion webhook of a CRD; without it such CRDs cannot convert. */
  readonly conversionWebhook?: ConversionWebhook;
  /** Told of what fails in the background and is tried again. */
  readonly onTrouble?: (message: string, error: unknown) => void;
}

/** A part of the control plane, and how it is. */
export interface ComponentHealth {
  /** `etcd-0`, `scheduler`, `controller-manager` */
  readonly name: string;
  /** Undefined: healthy. */
  readonly problem: string | undefined;
}

/** What the kinds of access ask of whoever decides on it. */
export interface Access {
  /** Before a role or a binding is written. */
  readonly grants: GrantCheck;
  readonly authorizer: Authorizer;
  /** What a user has in a namespace; `missing`: roles that are bound and do not exist; `incomplete`: there is more that cannot be listed. */
  rulesFor(
    user: UserInfo,
    namespace: string,
  ): {
    readonly rules: readonly PolicyRule[];
    readonly missing: readonly string[];
    readonly incomplete: boolean;
  };
  readonly authenticator: Pick<Authenticator, "review">;
  readonly issuer: TokenIssuer;
}

/** Sends a ConversionReview (JSON) and answers the object that comes back. @throws Error with what went wrong, for people */
export type ConversionWebhook = (client: WebhookClientConfig, review: string) => Promise<Json>;

interface StoredResource {
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  /** Version its objects are stored in. */
  readonly version: string;
  readonly namespaced: boolean;
  /** All its keys begin with this, ending in a slash: `/kubernetes.io/services/specs/`. */
  readonly keyPrefix: string;
  /** Fields that watchers select by, with their readers. */
  readonly indexes: Readonly<Record<string, (object: KubeObject) => string>>;
}

export interface RegistryFlags {
  /** `/kubernetes.io` by default. */
  readonly etcdPrefix: string;
  /** First range is primary. */
  readonly serviceClusterIpRange: string;
  readonly serviceNodePortRange: { readonly from: number; readonly to: number };
  /** Loopback addresses that are pods of this machine: endpoints may have them. Upstream refuses all of 127/8. */
  readonly localPodCidr?: string;
  readonly eventTtlSeconds: number;
}

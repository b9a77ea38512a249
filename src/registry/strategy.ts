import type { FieldError, Json, KubeObject } from "../apimachinery/index.ts";
import type { RequestContext } from "./context.ts";

/**
 * A resource's rules; everything else is generic. Modelled on k8s.io/apiserver/pkg/registry/rest create.go, update.go and delete.go.
 *
 * The order of a create:
 *   decode, prune, default → mutating admission → metadata (uid, creationTimestamp, generateName) → `prepareForCreate` →
 *   `beginCreate` → `validate` → `warnings` → `canonicalize` → validating admission → store → `finish`
 * of an update (inside the store's retry loop, so everything here may run several times for one request):
 *   decode or patch, default → mutating admission → `prepareForUpdate` → `beginUpdate` → `validateUpdate` → `warningsOnUpdate` →
 *   `canonicalize` → validating admission → store → `finish`
 *
 * Who may mutate: `prepare…`, `canonicalize` and `begin…` may change the object they are given in place or answer another; it is
 * private to the request. `old` (and whatever a list or a get handed out) is shared with every reader: never change it. Parts of
 * `old` may be put into the new object by reference, and must then not be changed there either. `validate…` and `warnings…` must
 * not change anything. Hooks see the object in the version it is stored in, defaults filled in.
 */
export interface Strategy<T extends KubeObject = KubeObject> extends UpdateRules<T> {
  readonly namespaced: boolean;
  /**
   * Problems of a name ("" never arrives), as texts; `prefix`: it is a generateName. DNS-1123 subdomain by default.
   */
  validateName?(name: string, prefix: boolean, object: T): string[];
  /**
   * What the kind's own rules look at in an update's metadata, after it was checked generically, in the order in which it is told:
   * what changed, or all that a new object's is held to (only then is a generateName looked at). ["changes"] by default.
   */
  readonly metadataOnUpdate?: readonly ("changes" | "object")[];
  /** Clears what clients may not set (status) and sets what the server decides (generation 1). */
  prepareForCreate?(object: T, context: RequestContext): T;
  /** The kind's own rules; metadata is checked generically before. */
  validate?(object: T, context: RequestContext): FieldError[];
  /** Texts for `Warning` headers. */
  warnings?(object: T, context: RequestContext): string[];
  /** Finalizers need not be standard ones or belong to a domain; what is odd about them is for `warnings` to say. */
  readonly anyFinalizer?: boolean;
  /** A warning that every request to this resource gets: it is on its way out upstream. */
  readonly deprecation?: string;
  /** The resource is being taken away: discovery no longer names the verbs that make or change objects, though they are answered. */
  readonly leaving?: () => boolean;
  /** PUT of a name that does not exist creates it (Leases, Endpoints …). */
  readonly allowCreateOnUpdate?: boolean;
  /**
   * Takes what the object needs from outside (a ClusterIP, a node port) and writes it into the object. The answered function is
   * called once with what became of the request, to keep or give back. Not called for dry runs unless `dryRun` is looked at:
   * the hook sees `context.dryRun` and must then take nothing. @throws StatusError to refuse
   */
  beginCreate?(object: T, context: RequestContext): Promise<Finish | undefined>;
  /** After the object is gone from the store (give the ClusterIP back). Failures are logged, never shown. */
  afterDelete?(object: T, context: RequestContext): Promise<void>;
  /**
   * Whether this kind is deleted gracefully, and how long it gets: undefined deletes at once. Called once per DELETE with the
   * grace the client asked for; upstream's CheckGracefulDelete. 0 seconds removes the object immediately.
   */
  gracePeriodSeconds?(
    object: T,
    requestedSeconds: number | undefined,
    context: RequestContext,
  ): number | undefined;
  /**
   * Kinds that end in two steps (Namespaces): the object to keep for now, changed or as it is, which DELETE then answers;
   * undefined goes on as for every kind. Must not change `object`.
   */
  keepOnDelete?(object: T, context: RequestContext): T | undefined;
  /** Whether an object that is being deleted and has no finalizers left may go now. True by default. */
  mayVanish?(object: T): boolean;
  /** What a DELETE without propagationPolicy does with dependents. Background by default. */
  readonly defaultPropagation?: "Orphan" | "Background";
  /** A warning for a DELETE that leaves the propagation to `defaultPropagation`, where that surprises. */
  readonly defaultPropagationWarning?: string;
  /** DELETE answers the object instead of a Status even when nothing is pending (Pods, Services …). */
  readonly returnDeletedObject?: boolean;
  /** Fields for fieldSelector besides metadata.name and metadata.namespace, by path. */
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>;
  /** Upstream's words for a field that is none of `selectableFields`, where it has others than for most kinds. */
  unknownFieldText?(field: string): string;
  /** Which of `selectableFields` many watchers select by (`spec.nodeName` of Pods): the watch cache then looks only at those concerned. */
  readonly indexedFields?: readonly string[];
  /** Seconds this object lives in the store (Events); undefined: for ever. */
  ttlSeconds?(object: T): number | undefined;
  /** Rules of the status subresource; present: it is served. */
  readonly status?: UpdateRules<T>;
  /** Rules of further subresources that update the object itself (ephemeralcontainers, resize, finalize, approval). */
  readonly subresources?: Readonly<Record<string, UpdateRules<T>>>;
  /** Where `scale` finds its numbers; present: it is served. */
  readonly scale?: ScaleRules<T>;
  /** Cells of one row of the kind's Table, in the order of its columns. Name and Created At by default. */
  tableRow?(object: T, now: number): Json[];
  /** What a row of the Table says of its object besides the cells. */
  tableConditions?(object: T): readonly TableRowCondition[];
  /** The order of a Table's rows, where it is not that of the keys. */
  tableOrder?(a: T, b: T): number;
}

/** meta.k8s.io TableRowCondition. */
export interface TableRowCondition {
  readonly type: "Completed";
  readonly status: "True";
  readonly reason: string;
  readonly message: string;
}

/** What updating a resource (or one of its subresources) may do. */
export interface UpdateRules<T extends KubeObject = KubeObject> {
  /** Restores what this endpoint may not change (spec under /status, status elsewhere), raises `generation`. */
  prepareForUpdate?(next: T, old: T, context: RequestContext): T;
  /** Takes what the change needs from outside; as `Strategy.beginCreate`. */
  beginUpdate?(next: T, old: T, context: RequestContext): Promise<Finish | undefined>;
  /** Metadata's immutable fields are checked generically before. */
  validateUpdate?(next: T, old: T, context: RequestContext): FieldError[];
  warningsOnUpdate?(next: T, old: T, context: RequestContext): string[];
  /** Brings a valid object into its one form before it is stored. */
  canonicalize?(object: T): T;
  /** PUT without a resourceVersion overwrites; true by default, as for nearly all of upstream. */
  readonly allowUnconditionalUpdate?: boolean;
  /** Fields this endpoint puts back, as paths: nobody becomes their owner in managedFields (`[["status"]]` for the main resource). */
  readonly resetFields?: readonly (readonly string[])[];
  /** Read through this endpoint, an object is no Table: kubectl then prints names and ages. */
  readonly withoutTable?: boolean;
}

/** Called once with what became of the request. */
export type Finish = (outcome: "stored" | "failed") => void | Promise<void>;

/** autoscaling/v1 Scale over an object. */
export interface ScaleRules<T extends KubeObject = KubeObject> {
  /** Undefined where an object of a custom kind does not say. */
  replicas(object: T): number | undefined;
  /** Where a custom kind has it, for errors. */
  readonly replicasPath?: string;
  /** On a private copy; answers the object to store. */
  setReplicas(object: T, replicas: number): T;
  statusReplicas(object: T): number;
  /** The selector as text, as in `status.selector`. */
  selector(object: T): string;
}

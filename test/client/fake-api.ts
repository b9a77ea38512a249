/**
 * Enough of an API server, over maps, to test clients and controllers one at a time: every verb, watches with bookmarks and 410,
 * finalizers, graceful deletion of pods, `status`, `binding`, `scale`-less. It validates and defaults nothing; the
 * integration tests use the real server.
 */
import {
  applyMergePatch,
  errors,
  type JsonObject,
  type KubeObject,
  type OwnerReference,
  parseLabelSelector,
  StatusError,
} from "../../src/apimachinery/index.ts";
import type { Transport, TransportRequest, TransportResponse } from "../../src/client/index.ts";
import type { Clock } from "../../src/platform/index.ts";

export interface Kind {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const kinds: Kind[] = [
  kind("", "v1", "pods", "Pod"),
  kind("", "v1", "services", "Service"),
  kind("", "v1", "endpoints", "Endpoints"),
  kind("", "v1", "events", "Event"),
  kind("", "v1", "configmaps", "ConfigMap"),
  kind("", "v1", "secrets", "Secret"),
  kind("", "v1", "serviceaccounts", "ServiceAccount"),
  kind("", "v1", "resourcequotas", "ResourceQuota"),
  kind("", "v1", "replicationcontrollers", "ReplicationController"),
  kind("", "v1", "namespaces", "Namespace", false),
  kind("", "v1", "nodes", "Node", false),
  kind("apps", "v1", "deployments", "Deployment"),
  kind("apps", "v1", "replicasets", "ReplicaSet"),
  kind("apps", "v1", "statefulsets", "StatefulSet"),
  kind("apps", "v1", "daemonsets", "DaemonSet"),
  kind("apps", "v1", "controllerrevisions", "ControllerRevision"),
  kind("batch", "v1", "jobs", "Job"),
  kind("batch", "v1", "cronjobs", "CronJob"),
  kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
  kind("networking.k8s.io", "v1", "ingresses", "Ingress"),
  kind("networking.k8s.io", "v1", "ingressclasses", "IngressClass", false),
  kind("coordination.k8s.io", "v1", "leases", "Lease"),
  kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
  kind("", "v1", "resourcequotas", "ResourceQuota"),
  kind("", "v1", "persistentvolumes", "PersistentVolume", false),
  kind("storage.k8s.io", "v1", "volumeattributesclasses", "VolumeAttributesClass", false),
  kind("networking.k8s.io", "v1", "servicecidrs", "ServiceCIDR", false),
  kind("networking.k8s.io", "v1", "ipaddresses", "IPAddress", false),
  kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
  kind("storage.k8s.io", "v1", "storageclasses", "StorageClass", false),
  kind("storage.k8s.io", "v1", "csidrivers", "CSIDriver", false),
  kind("storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", false),
  kind("resource.k8s.io", "v1", "resourceclaims", "ResourceClaim"),
  kind("resource.k8s.io", "v1", "resourceclaimtemplates", "ResourceClaimTemplate"),
  kind("resource.k8s.io", "v1", "resourceslices", "ResourceSlice", false),
  kind("resource.k8s.io", "v1", "deviceclasses", "DeviceClass", false),
  kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
  kind("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false),
  kind(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicies",
    "ValidatingAdmissionPolicy",
    false,
  ),
  kind("certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest", false),
];

function kind(group: string, version: string, resource: string, name: string, namespaced = true): Kind {
  return { group, version, resource, kind: name, namespaced };
}

/** What admission (DefaultTolerationSeconds) gives every pod. */
const defaultTolerations = ["not-ready", "unreachable"].map((what) => ({
  key: `node.kubernetes.io/${what}`,
  operator: "Exists",
  effect: "NoExecute",
  tolerationSeconds: 300,
}));

interface Stored {
  readonly kind: Kind;
  object: KubeObject;
}

interface FakeEvent {
  readonly revision: number;
  readonly kind: Kind;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: KubeObject;
  readonly old: KubeObject | undefined;
}

interface Watcher {
  readonly kind: Kind;
  readonly selects: (object: KubeObject) => boolean;
  send(line: unknown): void;
  end(): void;
}

export class FakeApi implements Transport {
  readonly #clock: Clock;
  readonly #objects = new Map<string, Stored>();
  readonly #watchers = new Set<Watcher>();
  #events: FakeEvent[] = [];
  #revision = 1;
  #serial = 0;
  #compacted = 0;
  /** Every request, as `GET /api/v1/pods`. */
  readonly requests: string[] = [];
  /** Answers instead of the server where it answers. */
  intercept: ((request: TransportRequest) => StatusError | undefined) | undefined;

  /** Names of resources that are not served, as those of a definition that is gone. */
  readonly withdrawn = new Set<string>();

  readonly #kinds: readonly Kind[];

  /** `more`: kinds besides those that every test knows; discovery does not tell of them. */
  constructor(clock: Clock, more: readonly Kind[] = []) {
    this.#clock = clock;
    this.#kinds = [...kinds, ...more];
  }

  get revision(): number {
    return this.#revision;
  }

  get watches(): number {
    return this.#watchers.size;
  }

  /** All objects of a resource, oldest first. */
  all(resource: string): KubeObject[] {
    return [...this.#objects.values()]
      .filter((stored) => stored.kind.resource === resource)
      .map((stored) => stored.object);
  }

  get(resource: string, namespace: string, name: string): KubeObject | undefined {
    return this.#objects.get(`${resource}/${namespace}/${name}`)?.object;
  }

  /** Watches cannot begin before now any more. */
  compact(): void {
    this.#compacted = this.#revision;
    this.#events = [];
  }

  /** Cuts all watches, as a server that ends. */
  endWatches(): void {
    for (const watcher of [...this.#watchers]) watcher.end();
  }

  sendBookmarks(): void {
    for (const watcher of this.#watchers) {
      watcher.send({
        type: "BOOKMARK",
        object: { kind: watcher.kind.kind, metadata: { resourceVersion: String(this.#revision) } },
      });
    }
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    await Promise.resolve();
    this.requests.push(`${request.method} ${request.path}`);
    try {
      const refused = this.intercept?.(request);
      if (refused !== undefined) throw refused;
      return this.#route(request);
    } catch (error) {
      if (error instanceof StatusError) return json(error.code, error.status);
      throw error;
    }
  }

  #route(request: TransportRequest): TransportResponse {
    const url = new URL(request.path, "http://fake");
    const query = url.searchParams;
    const parts = url.pathname
      .split("/")
      .filter((part) => part !== "")
      .map(decodeURIComponent);
    if (parts.length === 1) return json(200, discovery(parts[0] as string, this.withdrawn));
    const body =
      request.body === undefined ? undefined : (JSON.parse(String(request.body)) as KubeObject & JsonObject);
    const rest = parts[0] === "api" ? parts.slice(2) : parts.slice(3);
    let namespace = "";
    if (rest[0] === "namespaces" && rest.length > 2 && rest[2] !== "finalize" && rest[2] !== "status") {
      namespace = rest[1] as string;
      rest.splice(0, 2);
    }
    const [resource, name, subresource] = rest as [string, string | undefined, string | undefined];
    if (parts.length === 3 && this.#kinds.some(({ group }) => group === parts[1]))
      return json(200, { kind: "APIResourceList" });
    const found = this.#kinds.find((one) => one.resource === resource);
    if (found === undefined || this.withdrawn.has(resource))
      throw errors.notFound({ group: "", resource }, name ?? "");
    if (name === undefined) {
      if (request.method === "POST") return json(201, this.#create(found, namespace, body as KubeObject));
      if (request.method === "DELETE") return json(200, this.#deleteAll(found, namespace));
      const selects = selection(query, namespace);
      return query.get("watch") === "true"
        ? this.#watch(found, selects, query, request.signal)
        : json(200, this.#list(found, selects));
    }
    switch (request.method) {
      case "GET":
        return json(200, this.#require(found, namespace, name).object);
      case "POST":
        return json(201, this.#bind(found, namespace, name, body as KubeObject));
      case "PUT":
        return json(200, this.#update(found, namespace, name, body as KubeObject, subresource));
      case "PATCH":
        return json(200, this.#patch(found, namespace, name, body as JsonObject, subresource));
      case "DELETE":
        return json(200, this.#delete(found, namespace, name, body));
      default:
        throw new Error(`no ${request.method}`);
    }
  }

  #require(found: Kind, namespace: string, name: string): Stored {
    const stored = this.#objects.get(`${found.resource}/${namespace}/${name}`);
    if (stored === undefined) throw errors.notFound(found, name);
    return stored;
  }

  #create(found: Kind, namespace: string, body: KubeObject): KubeObject {
    const name =
      body.metadata.name ?? `${body.metadata.generateName}${(++this.#serial).toString(36).padStart(5, "x")}`;
    if (
      found.namespaced &&
      namespace !== "" &&
      this.#objects.get(`namespaces//${namespace}`)?.object.metadata.deletionTimestamp
    ) {
      throw new StatusError({
        status: "Failure",
        code: 403,
        reason: "Forbidden",
        message: "namespace is being terminated",
        details: { causes: [{ reason: "NamespaceTerminating" }] },
      });
    }
    if (body.apiVersion === "events.k8s.io/v1") body = coreEvent(body);
    const key = `${found.resource}/${namespace}/${name}`;
    if (this.#objects.has(key)) throw errors.alreadyExists(found, name);
    const object: KubeObject = {
      ...body,
      kind: found.kind,
      apiVersion: found.group === "" ? found.version : `${found.group}/${found.version}`,
      metadata: {
        ...body.metadata,
        name,
        ...(found.namespaced ? { namespace } : {}),
        uid: `uid-${++this.#serial}`,
        generation: 1,
        creationTimestamp: this.#time(),
      },
    };
    if (found.resource === "namespaces") {
      object.spec ??= { finalizers: ["kubernetes"] };
      object.status = { phase: "Active" };
    }
    if (found.resource === "pods") {
      object.spec = {
        ...object.spec,
        tolerations: [...(object.spec.tolerations ?? []), ...defaultTolerations],
      };
      object.status = { phase: "Pending", ...body.status };
    }
    this.#put(found, key, object);
    return this.get(found.resource, namespace, name) as KubeObject;
  }

  #bind(found: Kind, namespace: string, name: string, binding: KubeObject): KubeObject {
    const { object } = this.#require(found, namespace, name);
    const conditions = [
      ...(object.status?.conditions ?? []).filter(({ type }: { type: string }) => type !== "PodScheduled"),
      { type: "PodScheduled", status: "True", lastProbeTime: null, lastTransitionTime: this.#time() },
    ];
    const spec = { ...object.spec, nodeName: binding.target.name };
    this.#put(found, `${found.resource}/${namespace}/${name}`, {
      ...object,
      spec,
      status: { ...object.status, conditions },
    });
    return { kind: "Status", metadata: {}, status: "Success" };
  }

  #update(found: Kind, namespace: string, name: string, body: KubeObject, subresource?: string): KubeObject {
    const { object } = this.#require(found, namespace, name);
    const version = body.metadata.resourceVersion;
    if (version !== undefined && version !== object.metadata.resourceVersion)
      throw errors.conflict(found, name);
    return this.#replace(found, namespace, name, object, body, subresource);
  }

  #patch(found: Kind, namespace: string, name: string, patch: JsonObject, subresource?: string): KubeObject {
    const { object } = this.#require(found, namespace, name);
    const metadata = (patch.metadata ?? {}) as JsonObject;
    if (
      metadata.resourceVersion !== undefined &&
      metadata.resourceVersion !== object.metadata.resourceVersion
    ) {
      throw errors.conflict(found, name);
    }
    if (metadata.uid !== undefined && metadata.uid !== object.metadata.uid)
      throw errors.conflict(found, name);
    const merged = mergeOwners(object, patch);
    return this.#replace(found, namespace, name, object, merged, subresource);
  }

  #replace(
    found: Kind,
    namespace: string,
    name: string,
    old: KubeObject,
    body: KubeObject,
    subresource: string | undefined,
  ): KubeObject {
    const key = `${found.resource}/${namespace}/${name}`;
    const next: KubeObject =
      subresource === "status"
        ? {
            ...old,
            metadata: { ...old.metadata, ...pick(body.metadata, "annotations") },
            status: body.status,
          }
        : subresource === "finalize"
          ? { ...old, spec: body.spec }
          : { ...body, ...(old.status === undefined ? {} : { status: old.status }) };
    const { uid, creationTimestamp, generation, deletionTimestamp } = old.metadata;
    next.metadata = {
      ...next.metadata,
      ...(uid === undefined ? {} : { uid }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      generation: (generation ?? 1) + (JSON.stringify(next.spec) === JSON.stringify(old.spec) ? 0 : 1),
    };
    if (JSON.stringify(next) === JSON.stringify(old)) return old;
    const ends =
      deletionTimestamp !== undefined &&
      found.resource !== "pods" &&
      (next.metadata.finalizers ?? []).length === 0 &&
      (found.resource !== "namespaces" || next.spec?.finalizers?.length === 0);
    if (ends) this.#remove(found, key);
    else this.#put(found, key, next);
    return this.get(found.resource, namespace, name) ?? next;
  }

  #delete(found: Kind, namespace: string, name: string, options: JsonObject | undefined): KubeObject {
    const key = `${found.resource}/${namespace}/${name}`;
    const { object } = this.#require(found, namespace, name);
    const preconditions = (options?.preconditions ?? {}) as { uid?: string; resourceVersion?: string };
    if (
      (preconditions.uid ?? object.metadata.uid) !== object.metadata.uid ||
      (preconditions.resourceVersion ?? object.metadata.resourceVersion) !== object.metadata.resourceVersion
    ) {
      throw errors.conflict(found, name);
    }
    const finalizers = [...(object.metadata.finalizers ?? [])];
    if (options?.propagationPolicy === "Foreground") finalizers.push("foregroundDeletion");
    if (options?.propagationPolicy === "Orphan") finalizers.push("orphan");
    const grace = Number(options?.gracePeriodSeconds ?? object.spec?.terminationGracePeriodSeconds ?? 30);
    const graceful = found.resource === "pods" && grace > 0 && (object.spec?.nodeName ?? "") !== "";
    const waits = graceful || finalizers.length > 0 || found.resource === "namespaces";
    if (!waits) {
      this.#remove(found, key);
      return object;
    }
    if (
      object.metadata.deletionTimestamp !== undefined &&
      finalizers.length === (object.metadata.finalizers ?? []).length
    ) {
      return object;
    }
    const next: KubeObject = {
      ...object,
      metadata: {
        ...object.metadata,
        deletionTimestamp: this.#time(),
        deletionGracePeriodSeconds: graceful ? grace : 0,
        ...(finalizers.length === 0 ? {} : { finalizers }),
      },
    };
    if (found.resource === "namespaces") next.status = { ...next.status, phase: "Terminating" };
    this.#put(found, key, next);
    return next;
  }

  #deleteAll(found: Kind, namespace: string): unknown {
    for (const object of this.all(found.resource)) {
      if (object.metadata.namespace === namespace)
        this.#delete(found, namespace, object.metadata.name as string, undefined);
    }
    return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" };
  }

  #list(found: Kind, selects: (object: KubeObject) => boolean): unknown {
    const items = this.all(found.resource)
      .filter(selects)
      .map(({ kind: _, apiVersion: __, ...item }) => item);
    return {
      kind: `${found.kind}List`,
      apiVersion: found.group === "" ? found.version : `${found.group}/${found.version}`,
      metadata: { resourceVersion: String(this.#revision) },
      items,
    };
  }

  #watch(
    found: Kind,
    selects: (object: KubeObject) => boolean,
    query: URLSearchParams,
    signal: AbortSignal | undefined,
  ): TransportResponse {
    const from = Number(query.get("resourceVersion") ?? "0");
    const stream = new LineStream();
    const watcher: Watcher = {
      kind: found,
      selects,
      send: (line) => stream.push(line),
      end: () => {
        this.#watchers.delete(watcher);
        stream.end();
      },
    };
    if (query.get("sendInitialEvents") === "true") {
      this.#watchers.add(watcher);
      signal?.addEventListener("abort", () => watcher.end());
      for (const object of this.all(found.resource).filter(selects)) stream.push({ type: "ADDED", object });
      const annotations = { "k8s.io/initial-events-end": "true" };
      const resourceVersion = String(this.#revision);
      stream.push({ type: "BOOKMARK", object: { metadata: { resourceVersion, annotations } } });
    } else if (from < this.#compacted) {
      const status = {
        kind: "Status",
        code: 410,
        reason: "Expired",
        message: `too old resource version: ${from}`,
      };
      stream.push({ type: "ERROR", object: status });
      stream.end();
    } else {
      this.#watchers.add(watcher);
      signal?.addEventListener("abort", () => watcher.end());
      for (const event of this.#events) if (event.revision > from) deliver(watcher, event);
    }
    return { status: 200, headers: {}, body: stream };
  }

  #put(found: Kind, key: string, object: KubeObject): void {
    const old = this.#objects.get(key)?.object;
    const revision = ++this.#revision;
    const next = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    this.#objects.set(key, { kind: found, object: next });
    this.#emit({ revision, kind: found, type: old === undefined ? "ADDED" : "MODIFIED", object: next, old });
  }

  #remove(found: Kind, key: string): void {
    const old = this.#objects.get(key)?.object as KubeObject;
    this.#objects.delete(key);
    const revision = ++this.#revision;
    const object = { ...old, metadata: { ...old.metadata, resourceVersion: String(revision) } };
    this.#emit({ revision, kind: found, type: "DELETED", object, old });
  }

  #emit(event: FakeEvent): void {
    this.#events.push(event);
    for (const watcher of this.#watchers) deliver(watcher, event);
  }

  #time(): string {
    return `${new Date(this.#clock.now()).toISOString().slice(0, 19)}Z`;
  }
}

function deliver(watcher: Watcher, event: FakeEvent): void {
  if (watcher.kind !== event.kind) return;
  const was = event.old !== undefined && watcher.selects(event.old);
  const is = event.type !== "DELETED" && watcher.selects(event.object);
  if (is) watcher.send({ type: was ? "MODIFIED" : "ADDED", object: event.object });
  else if (was) watcher.send({ type: "DELETED", object: event.object });
}

function selection(query: URLSearchParams, namespace: string): (object: KubeObject) => boolean {
  const labels = parseLabelSelector(query.get("labelSelector") ?? "");
  const fields = (query.get("fieldSelector") ?? "").split(",").filter((one) => one !== "");
  return (object) =>
    (namespace === "" || object.metadata.namespace === namespace) &&
    labels.matches(object.metadata.labels) &&
    fields.every((field) => {
      const [path, value] = field.split(/!?=/) as [string, string];
      const found = String(
        path.split(".").reduce<unknown>((part, name) => (part as JsonObject | undefined)?.[name], object) ??
          "",
      );
      return field.includes("!=") ? found !== value : found === value;
    });
}

/** Events have one stored form and two faces. */
function coreEvent({ regarding, note, reportingController, ...event }: KubeObject): KubeObject {
  return {
    ...event,
    metadata: event.metadata,
    involvedObject: regarding,
    message: note,
    reportingComponent: reportingController,
    source: {},
  };
}

type Patched = OwnerReference & { $patch?: string };

const lostFinalizers = "$deleteFromPrimitiveList/finalizers";

/** A merge patch, with the things of a strategic one that controllers use: owner references are merged and deleted by uid, finalizers deleted. */
function mergeOwners(object: KubeObject, patch: JsonObject): KubeObject {
  const metadata = { ...(patch.metadata as JsonObject | undefined) };
  const owners = metadata.ownerReferences;
  if (
    Array.isArray(owners) &&
    object.metadata.ownerReferences !== undefined &&
    (owners as unknown as Patched[]).some((one) => one.$patch)
  ) {
    const gone = new Set((owners as unknown as Patched[]).map((one) => one.uid));
    metadata.ownerReferences = object.metadata.ownerReferences.filter((one) => !gone.has(one.uid)) as never;
  }
  const lost = metadata[lostFinalizers] as string[] | undefined;
  if (lost !== undefined) {
    delete metadata[lostFinalizers];
    metadata.finalizers = (object.metadata.finalizers ?? []).filter((one) => !lost.includes(one)) as never;
  }
  const merged = applyMergePatch(object as never, {
    ...patch,
    ...(patch.metadata === undefined ? {} : { metadata }),
  });
  return merged as unknown as KubeObject;
}

function pick<T extends object, K extends keyof T>(object: T, key: K): Partial<T> {
  return object[key] === undefined ? {} : ({ [key]: object[key] } as unknown as Partial<T>);
}

function discovery(root: string, withdrawn: ReadonlySet<string>): unknown {
  const groups = new Map<string, Kind[]>();
  for (const one of kinds) {
    if ((root === "api") !== (one.group === "") || withdrawn.has(one.resource)) continue;
    groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  }
  return {
    kind: "APIGroupDiscoveryList",
    items: [...groups].map(([name, resources]) => ({
      metadata: { name },
      versions: [
        {
          version: "v1",
          freshness: "Current",
          resources: resources.map((one) => ({
            resource: one.resource,
            responseKind: { kind: one.kind },
            scope: one.namespaced ? "Namespaced" : "Cluster",
            verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
          })),
        },
      ],
    })),
  };
}

function json(status: number, body: unknown): TransportResponse {
  return { status, headers: {}, body: once(JSON.stringify(body)) };
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

/** Lines that come as they are pushed, until the end. */
class LineStream implements AsyncIterable<Uint8Array> {
  readonly #lines: Uint8Array[] = [];
  #ended = false;
  #wake: () => void = () => {};

  push(line: unknown): void {
    this.#lines.push(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) yield line;
      else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

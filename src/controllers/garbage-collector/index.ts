/**
 * Deletes what has lost its owners: k8s.io/kubernetes/pkg/controller/garbagecollector.
 *
 * A graph of all objects of all kinds that can be deleted is kept by informers. An object whose owners are all gone is
 * deleted (background); an owner with the finalizer foregroundDeletion waits until the dependents that block it are gone;
 * one with the finalizer orphan has itself taken out of its dependents' references first. Before anything is deleted
 * the object and its owners are read from the server: the graph may be behind.
 */
import type { KubeObject, OwnerReference } from "../../apimachinery/index.ts";
import { createInformer, createWorkqueue, errorText, type Informer, pause } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { type DiscoveredResource, discover } from "../discovery.ts";
import { aborted, workUntil } from "../lifecycle.ts";
import { isNotFound } from "../owners.ts";
import { type GraphNode, identityOf, OwnerGraph } from "./graph.ts";

export const garbageCollector: ControllerDescriptor = {
  name: "garbage-collector-controller",
  aliases: ["garbagecollector"],
  create,
};

/** Events own nothing and are owned by nobody, and there are many. */
const ignored = new Set(["events.", "events.events.k8s.io"]);

/** New kinds are looked for so long after a definition changed, since it takes a moment until they are served. */
const rediscoverMs = 1_000;

/** Kinds come and go with these. */
const definitions = { group: "apiextensions.k8s.io", version: "v1", resource: "customresourcedefinitions" };

interface Monitor {
  readonly resource: DiscoveredResource;
  readonly informer: Informer;
  readonly stop: () => void;
}

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, random, log, signal, informers } = context;
  const recorder = context.recorder("garbage-collector-controller");
  const stopped = aborted(signal);
  const graph = new OwnerGraph();
  const monitors = new Map<string, Monitor>();
  /** `apps/Deployment` → its resource. */
  const byKind = new Map<string, DiscoveredResource>();
  const deletions = createWorkqueue({
    name: "garbage",
    clock,
    log,
    process: attemptToDelete,
    concurrency: 20,
  });
  const orphanings = createWorkqueue({ name: "orphans", clock, log, process: attemptToOrphan });

  function changed(resource: DiscoveredResource, object: KubeObject): void {
    const { node, ownersChanged } = graph.put(resource, object);
    if (ownersChanged) {
      deletions.add(node.uid);
      // An owner that waits for this one may wait no more, or must now.
      for (const owner of node.owners) if (graph.get(owner.uid)?.waitsForDependents) deletions.add(owner.uid);
    }
    if (node.orphansDependents) orphanings.add(node.uid);
    else if (node.waitsForDependents) deletions.add(node.uid);
  }

  function deleted(object: KubeObject): void {
    const node = graph.remove(object.metadata.uid as string);
    if (node === undefined) return;
    for (const dependent of graph.dependentsOf(node.uid)) deletions.add(dependent);
    for (const owner of node.owners) if (graph.get(owner.uid)?.waitsForDependents) deletions.add(owner.uid);
  }

  /** Watches what the server has now, and nothing that it has no more. */
  async function discoverKinds(): Promise<void> {
    const { resources, stale } = await discover(client);
    const present = new Set<string>();
    for (const resource of resources) {
      byKind.set(`${resource.group}/${resource.kind}`, resource);
      const key = `${resource.resource}.${resource.group}`;
      present.add(key);
      const watchable = ["list", "watch", "delete"].every((verb) => resource.verbs.includes(verb));
      if (!watchable || ignored.has(key) || monitors.get(key)?.resource.version === resource.version)
        continue;
      monitors.get(key)?.stop();
      monitors.set(key, monitor(resource));
    }
    if (stale.length === 0) {
      for (const [key, { stop }] of monitors) {
        if (present.has(key)) continue;
        stop();
        monitors.delete(key);
      }
    }
    await Promise.all([...monitors.values()].map(({ informer }) => informer.synced));
  }

  function monitor(resource: DiscoveredResource): Monitor {
    const scope = { group: resource.group, version: resource.version, resource: resource.resource };
    const own = new AbortController();
    const shared = informers.peek(scope);
    const informer =
      shared ??
      createInformer({ client, clock, random, log, scope, streamingList: true, transform: identityOf });
    const unsubscribe = informer.addHandler({
      add: (object) => changed(resource, object),
      update: (object) => changed(resource, object),
      delete: deleted,
    });
    if (shared === undefined) informer.start(AbortSignal.any([own.signal, signal]));
    return {
      resource,
      informer,
      stop() {
        unsubscribe();
        own.abort();
        for (const object of informer.lister.list()) deleted(object);
      },
    };
  }

  async function attemptToDelete(uid: string): Promise<void> {
    const node = graph.get(uid);
    if (node === undefined) return;
    if (node.waitsForDependents) return processWaiting(node);
    if (node.owners.length === 0 || node.terminating) return;
    const scope = scopeOf(node);
    let live: KubeObject;
    try {
      live = await client.get(scope, node.name);
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    const references = live.metadata.ownerReferences ?? [];
    if (live.metadata.uid !== uid || references.length === 0) return;
    const solid: OwnerReference[] = [];
    const waiting: OwnerReference[] = [];
    const dangling: OwnerReference[] = [];
    for (const reference of references) {
      const state = await ownerState(node, reference);
      if (state === "unknown") return;
      (state === "solid" ? solid : state === "waiting" ? waiting : dangling).push(reference);
    }
    if (solid.length > 0) {
      // It lives on, without those that are gone or must not be kept waiting.
      if (waiting.length + dangling.length === 0) return;
      await client.patch(scope, node.name, {
        type: "merge",
        body: { metadata: { uid, resourceVersion: live.metadata.resourceVersion, ownerReferences: solid } },
      });
      return;
    }
    const dependents = graph.dependentsOf(node.uid);
    const inForeground = waiting.length > 0 && dependents.size > 0;
    const isCircle = [...dependents].some((dependent) => graph.get(dependent)?.waitsForDependents);
    if (inForeground && isCircle) live = await unblockOwners(node, live);
    const finalizers = live.metadata.finalizers ?? [];
    const propagationPolicy =
      inForeground || (finalizers.includes("foregroundDeletion") && !finalizers.includes("orphan"))
        ? "Foreground"
        : finalizers.includes("orphan")
          ? "Orphan"
          : "Background";
    try {
      await client.delete(scope, node.name, {
        propagationPolicy,
        preconditions: { uid, resourceVersion: live.metadata.resourceVersion as string },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Objects that own each other in a circle would wait for each other for ever: this one keeps its owners no more. */
  async function unblockOwners(node: GraphNode, live: KubeObject): Promise<KubeObject> {
    const references = live.metadata.ownerReferences ?? [];
    if (!references.some(({ blockOwnerDeletion }) => blockOwnerDeletion === true)) return live;
    const ownerReferences = references.map((reference) => ({ ...reference, blockOwnerDeletion: false }));
    const { uid, resourceVersion } = live.metadata;
    return client.patch(scopeOf(node), node.name, {
      type: "merge",
      body: { metadata: { uid, resourceVersion, ownerReferences } },
    });
  }

  async function ownerState(
    dependent: GraphNode,
    reference: OwnerReference,
  ): Promise<"solid" | "waiting" | "dangling" | "unknown"> {
    const resource = byKind.get(`${groupOf(reference.apiVersion)}/${reference.kind}`);
    if (resource === undefined) {
      throw new Error(`unable to get REST mapping for ${reference.apiVersion}/${reference.kind}`);
    }
    const known = graph.get(reference.uid);
    const isElsewhere = known !== undefined && known.namespace !== dependent.namespace;
    if (resource.namespaced && (dependent.namespace === "" || isElsewhere)) {
      const { apiVersion, kind, name, uid } = reference;
      const identity = `[${apiVersion}/${kind}, namespace: ${dependent.namespace}, name: ${name}, uid: ${uid}]`;
      const message = `ownerRef ${identity} does not exist in namespace "${dependent.namespace}"`;
      recorder.event(objectOf(dependent), "Warning", "OwnerRefInvalidNamespace", message);
    }
    if (resource.namespaced && dependent.namespace === "") return "unknown";
    const namespace = resource.namespaced ? dependent.namespace : "";
    if (known !== undefined && known.namespace === namespace && known.name === reference.name) {
      if (!known.waitsForDependents) return "solid";
      return "waiting";
    }
    try {
      const owner = await client.get({ ...resource, namespace }, reference.name);
      if (owner.metadata.uid !== reference.uid) return "dangling";
      const waits =
        owner.metadata.deletionTimestamp !== undefined &&
        owner.metadata.finalizers?.includes("foregroundDeletion") === true;
      return waits ? "waiting" : "solid";
    } catch (error) {
      if (isNotFound(error)) return "dangling";
      throw error;
    }
  }

  /** An owner that is deleted after its dependents: lets go when none blocks it, else sees that they are deleted. */
  async function processWaiting(node: GraphNode): Promise<void> {
    let blocked = false;
    for (const uid of graph.dependentsOf(node.uid)) {
      const dependent = graph.get(uid);
      if (dependent === undefined) continue;
      if (dependent.owners.some((owner) => owner.uid === node.uid && owner.blockOwnerDeletion === true)) {
        blocked = true;
      }
      if (!dependent.terminating) deletions.add(uid);
    }
    if (!blocked) await removeFinalizer(node, "foregroundDeletion");
  }

  async function attemptToOrphan(uid: string): Promise<void> {
    const node = graph.get(uid);
    if (node === undefined || !node.orphansDependents) return;
    for (const dependentUid of [...graph.dependentsOf(uid)]) {
      const dependent = graph.get(dependentUid);
      if (dependent !== undefined) await removeReference(dependent, uid);
    }
    await removeFinalizer(node, "orphan");
  }

  async function removeReference(dependent: GraphNode, ownerUid: string): Promise<void> {
    const scope = scopeOf(dependent);
    try {
      const live = await client.get(scope, dependent.name);
      const references = live.metadata.ownerReferences ?? [];
      const kept = references.filter((reference) => reference.uid !== ownerUid);
      if (live.metadata.uid !== dependent.uid || kept.length === references.length) return;
      await client.patch(scope, dependent.name, {
        type: "merge",
        body: {
          metadata: {
            uid: dependent.uid,
            resourceVersion: live.metadata.resourceVersion,
            ownerReferences: kept.length === 0 ? null : kept,
          },
        },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async function removeFinalizer(node: GraphNode, finalizer: string): Promise<void> {
    const scope = scopeOf(node);
    try {
      const live = await client.get(scope, node.name);
      const finalizers = live.metadata.finalizers ?? [];
      if (live.metadata.uid !== node.uid || !finalizers.includes(finalizer)) return;
      await client.patch(scope, node.name, {
        type: "merge",
        body: {
          metadata: {
            resourceVersion: live.metadata.resourceVersion,
            finalizers: finalizers.filter((one) => one !== finalizer),
          },
        },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Discovery as often as definitions change, tried until it succeeds. */
  async function followKinds(): Promise<void> {
    let requested = true;
    let wake: () => void = () => {};
    const request = (): void => {
      requested = true;
      wake();
    };
    let following = false;
    while (!signal.aborted) {
      if (!requested) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          void stopped.then(resolve);
        });
        await pause(clock, rediscoverMs, signal);
        continue;
      }
      requested = false;
      try {
        await Promise.race([discoverKinds(), stopped]);
        ready();
      } catch (error) {
        log.warn("cannot discover what to collect", { error: errorText(error) });
        requested = true;
        await pause(clock, rediscoverMs, signal);
        continue;
      }
      const monitored = monitors.get(`${definitions.resource}.${definitions.group}`);
      if (monitored !== undefined && !following) {
        following = true;
        monitored.informer.addHandler({
          add: (_, initial) => {
            if (!initial) request();
          },
          update: request,
          delete: request,
        });
      }
    }
  }

  let ready: () => void = () => {};
  const firstDiscovery = new Promise<void>((resolve) => {
    ready = resolve;
  });

  return {
    async run() {
      const following = followKinds();
      await Promise.race([firstDiscovery, stopped]);
      await Promise.all([workUntil(signal, deletions, orphanings), following]);
    },
  };
}

function scopeOf(node: GraphNode): DiscoveredResource & { namespace: string } {
  return { ...node.resource, namespace: node.namespace };
}

function objectOf(node: GraphNode): KubeObject {
  const { group, version, kind } = node.resource;
  return {
    apiVersion: group === "" ? version : `${group}/${version}`,
    kind,
    metadata: { name: node.name, namespace: node.namespace, uid: node.uid },
  };
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash === -1 ? "" : apiVersion.slice(0, slash);
}

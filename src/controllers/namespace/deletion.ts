/**
 * What a namespace needs to go: everything in it deleted, whatever kinds the server has, and then its own finalizer taken
 * away (k8s.io/kubernetes/pkg/controller/namespace/deletion). While something stays, conditions say what and why.
 */
import { type KubeObject, StatusError } from "../../apimachinery/index.ts";
import { type Client, errorText, resourcePath } from "../../client/index.ts";
import { type DiscoveredResource, discover } from "../discovery.ts";
import { isConflict, isNotFound } from "../owners.ts";
import { type Condition, withCondition } from "../pods.ts";
import { namespaces } from "../resources.ts";

const finalizer = "kubernetes";

/** Thrown while content remains: the namespace is looked at again. */
class ContentRemains extends Error {
  override readonly name = "ContentRemains";
}

interface Remaining {
  /** `configmaps.` → objects that are still there. */
  readonly resources: Map<string, number>;
  /** Finalizer → objects that wait for it. */
  readonly finalizers: Map<string, number>;
  readonly errors: string[];
  readonly undiscovered: string[];
}

/** One try. @throws ContentRemains, or what a request failed with */
export async function deleteContent(client: Client, namespace: KubeObject, nowMs: number): Promise<void> {
  const name = namespace.metadata.name as string;
  if (!((namespace.spec?.finalizers ?? []) as string[]).includes(finalizer)) return;
  const remaining: Remaining = { resources: new Map(), finalizers: new Map(), errors: [], undiscovered: [] };
  try {
    const { resources, stale } = await discover(client);
    remaining.undiscovered.push(...stale);
    const deletable = resources.filter(({ namespaced, verbs }) => namespaced && verbs.includes("delete"));
    // Pods go first: what they use (their network policies among it) stays as long as they run.
    for (const resource of deletable.filter(isPods)) await deleteResource(client, resource, name, remaining);
    const others = remaining.resources.size > 0 ? [] : deletable.filter((one) => !isPods(one));
    for (const resource of others) await deleteResource(client, resource, name, remaining);
  } catch (error) {
    remaining.undiscovered.push(errorText(error));
  }
  const open = remaining.resources.size + remaining.errors.length + remaining.undiscovered.length;
  if (open > 0) {
    await writeConditions(client, namespace, remaining, nowMs);
    throw new ContentRemains(`namespace ${name} still has content`);
  }
  const finalizers = (namespace.spec.finalizers as string[]).filter((one) => one !== finalizer);
  try {
    await client.update(namespaces, { ...namespace, spec: { ...namespace.spec, finalizers } }, "finalize");
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

function isPods({ group, resource }: DiscoveredResource): boolean {
  return group === "" && resource === "pods";
}

async function deleteResource(
  client: Client,
  resource: DiscoveredResource,
  namespace: string,
  remaining: Remaining,
): Promise<void> {
  const { group, version } = resource;
  const scope = { group, version, resource: resource.resource, namespace };
  try {
    if (!resource.verbs.includes("list")) return;
    let { items } = await client.list(scope);
    if ((items ?? []).length === 0) return;
    if (resource.verbs.includes("deletecollection")) {
      const { status, body } = await client.raw({
        method: "DELETE",
        path: resourcePath(scope),
        body: { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Background" },
      });
      if (status >= 400) throw new Error(body.slice(0, 1_000));
    } else {
      for (const item of items) await deleteOne(client, scope, item.metadata.name as string);
    }
    ({ items } = await client.list(scope));
    if ((items ?? []).length === 0) return;
    remaining.resources.set(`${resource.resource}.${group}`, items.length);
    for (const item of items) {
      for (const one of item.metadata.finalizers ?? []) {
        remaining.finalizers.set(one, (remaining.finalizers.get(one) ?? 0) + 1);
      }
    }
  } catch (error) {
    if (error instanceof StatusError && (error.code === 404 || error.code === 405)) return;
    remaining.errors.push(errorText(error));
  }
}

async function deleteOne(
  client: Client,
  scope: Parameters<Client["delete"]>[0],
  name: string,
): Promise<void> {
  try {
    await client.delete(scope, name, { propagationPolicy: "Background" });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

async function writeConditions(
  client: Client,
  namespace: KubeObject,
  remaining: Remaining,
  nowMs: number,
): Promise<void> {
  let conditions = (namespace.status?.conditions ?? []) as Condition[];
  for (const next of conditionsFor(remaining)) {
    const old = conditions.find(({ type }) => type === next.type);
    if (old?.status === next.status && old.reason === next.reason && old.message === next.message) continue;
    conditions = withCondition(conditions, next, nowMs);
  }
  if (conditions === namespace.status?.conditions) return;
  const status = { ...namespace.status, phase: "Terminating", conditions };
  await client.update(namespaces, { ...namespace, status }, "status");
}

function conditionsFor({ resources, finalizers, errors, undiscovered }: Remaining): Condition[] {
  return [
    undiscovered.length > 0
      ? condition(
          "NamespaceDeletionDiscoveryFailure",
          "DiscoveryFailed",
          `Discovery failed for some groups, ${undiscovered.length} failing: ${undiscovered.join(", ")}`,
        )
      : good(
          "NamespaceDeletionDiscoveryFailure",
          "ResourcesDiscovered",
          "All resources successfully discovered",
        ),
    good(
      "NamespaceDeletionGroupVersionParsingFailure",
      "ParsedGroupVersions",
      "All legacy kube types successfully parsed",
    ),
    errors.length > 0
      ? condition(
          "NamespaceDeletionContentFailure",
          "ContentDeletionFailed",
          `Failed to delete all resource types, ${errors.length} remaining: ${errors.join(", ")}`,
        )
      : good(
          "NamespaceDeletionContentFailure",
          "ContentDeleted",
          "All content successfully deleted, may be waiting on finalization",
        ),
    resources.size > 0
      ? condition(
          "NamespaceContentRemaining",
          "SomeResourcesRemain",
          `Some resources are remaining: ${counted(resources, "has")}`,
        )
      : good("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"),
    finalizers.size > 0
      ? condition(
          "NamespaceFinalizersRemaining",
          "SomeFinalizersRemain",
          `Some content in the namespace has finalizers remaining: ${counted(finalizers, "in")}`,
        )
      : good(
          "NamespaceFinalizersRemaining",
          "ContentHasNoFinalizers",
          "All content-preserving finalizers finished",
        ),
  ];
}

/** `configmaps. has 1 resource instances, pods. has 2 resource instances` */
function counted(counts: ReadonlyMap<string, number>, word: string): string {
  return [...counts]
    .map(([what, count]) => `${what} ${word} ${count} resource instances`)
    .sort()
    .join(", ");
}

function condition(type: string, reason: string, message: string): Condition {
  return { type, status: "True", reason, message };
}

function good(type: string, reason: string, message: string): Condition {
  return { type, status: "False", reason, message };
}

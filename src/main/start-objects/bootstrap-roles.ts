/**
 * The roles and bindings that every cluster has, made at start and brought up to date as kube-apiserver does: what is missing is added,
 * nothing that somebody added is taken away, and an object annotated `rbac.authorization.kubernetes.io/autoupdate: "false"` is left
 * alone.
 */
import { deepEqual, type KubeList, type KubeObject } from "../../apimachinery/index.ts";
import { type PolicyRule, type RoleRef, type Subject, uncovered } from "../../auth/index.ts";
import type { Client } from "../../client/index.ts";
import { createOrAccept, ensure, type PlantedOptions } from "./ensure.ts";

const bootstrapLabels = { "kubernetes.io/bootstrapping": "rbac-defaults" };
const autoUpdate = "rbac.authorization.kubernetes.io/autoupdate";
const resources = ["clusterroles", "clusterrolebindings", "roles", "rolebindings"] as const;
type RbacResource = (typeof resources)[number];
const kinds: Readonly<Record<RbacResource, string>> = {
  clusterroles: "ClusterRole",
  clusterrolebindings: "ClusterRoleBinding",
  roles: "Role",
  rolebindings: "RoleBinding",
};

/** As schemas/kubernetes/bootstrap-rbac.json has it. */
interface BootstrapFacts {
  readonly labels?: Readonly<Record<string, string>>;
  readonly rules?: PolicyRule[];
  readonly aggregationRule?: AggregationRule;
  readonly roleRef?: RoleRef;
  readonly subjects?: Subject[];
}

interface AggregationRule {
  readonly clusterRoleSelectors: readonly object[];
}

interface BootstrapObject extends KubeObject {
  rules?: PolicyRule[] | null;
  aggregationRule?: AggregationRule;
  roleRef?: RoleRef;
  subjects?: Subject[] | null;
}

/** Tries until they are there, and known to who decides by them, or the signal fires. */
export async function ensureBootstrapRoles(options: PlantedOptions): Promise<void> {
  const { client, isPlanted } = options;
  const wanted = isPlanted === true ? undefined : await bootstrapObjects();
  await ensure(options, "the bootstrap roles are", async () => {
    // A list waits until its watch cache has heard of all that was written, which is what the policy follows.
    if (wanted === undefined)
      await Promise.all(resources.map((resource) => client.list(scopeOf(resource), { limit: 1 })));
    else
      await Promise.all(
        resources.map((resource) => reconcileAll(client, resource, wanted.get(resource) ?? [])),
      );
  });
}

const scopeOf = (resource: RbacResource, namespace?: string) => ({
  group: "rbac.authorization.k8s.io",
  version: "v1",
  resource,
  ...(namespace === undefined ? {} : { namespace }),
});

async function bootstrapObjects(): Promise<Map<RbacResource, BootstrapObject[]>> {
  // 60 KB that only the start needs.
  const { default: facts } = await import("../../../schemas/kubernetes/bootstrap-rbac.json", {
    with: { type: "json" },
  });
  const objects = new Map<RbacResource, BootstrapObject[]>();
  for (const [key, fact] of Object.entries(facts) as [string, BootstrapFacts][]) {
    const [resource, ...path] = key.split("/") as [RbacResource, ...string[]];
    const [name, namespace] = path.reverse() as [string, string?];
    const { labels, ...rest } = fact;
    const object: BootstrapObject = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: kinds[resource],
      metadata: {
        name,
        ...(namespace === undefined ? {} : { namespace }),
        labels: { ...bootstrapLabels, ...labels },
        annotations: { [autoUpdate]: "true" },
      },
      ...rest,
    };
    objects.set(resource, [...(objects.get(resource) ?? []), object]);
  }
  return objects;
}

/** One list, and then only what differs: on a cluster that has them nothing is written. */
async function reconcileAll(
  client: Client,
  resource: RbacResource,
  wanted: readonly BootstrapObject[],
): Promise<void> {
  const { items }: KubeList<BootstrapObject> = await client.list<BootstrapObject>(scopeOf(resource));
  const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ""}/${metadata.name}`;
  const present = new Map(items.map((item) => [keyOf(item), item]));
  await Promise.all(wanted.map((object) => reconcile(client, resource, object, present.get(keyOf(object)))));
}

async function reconcile(
  client: Client,
  resource: RbacResource,
  wanted: BootstrapObject,
  present: BootstrapObject | undefined,
): Promise<void> {
  const scope = scopeOf(resource, wanted.metadata.namespace);
  if (present === undefined) return await createOrAccept(client, scope, wanted);
  if (present.metadata.annotations?.[autoUpdate] === "false") return;
  const { name = "", uid = "" } = present.metadata;
  if (wanted.roleRef !== undefined && !deepEqual(wanted.roleRef, present.roleRef)) {
    // The role of a binding cannot be changed.
    await client.delete(scope, name, { preconditions: { uid } });
    return await createOrAccept(client, scope, wanted);
  }
  const next = completed(wanted, present);
  if (!deepEqual(next, present)) await client.update(scope, next);
}

/** The present object with all that is wanted in it. */
function completed(wanted: BootstrapObject, present: BootstrapObject): BootstrapObject {
  const { metadata } = present;
  const next: BootstrapObject = {
    ...present,
    metadata: {
      ...metadata,
      labels: { ...wanted.metadata.labels, ...metadata.labels },
      annotations: { ...wanted.metadata.annotations, ...metadata.annotations },
    },
  };
  const rules = uncovered(present.rules ?? [], wanted.rules ?? []);
  if (rules.length > 0) next.rules = [...(present.rules ?? []), ...rules];
  const subjects = absent(present.subjects ?? [], wanted.subjects ?? []);
  if (subjects.length > 0) next.subjects = [...(present.subjects ?? []), ...subjects];
  if (wanted.aggregationRule === undefined) {
    delete next.aggregationRule;
  } else {
    const selectors = present.aggregationRule?.clusterRoleSelectors ?? [];
    const more = absent(selectors, wanted.aggregationRule.clusterRoleSelectors);
    if (more.length > 0) next.aggregationRule = { clusterRoleSelectors: [...selectors, ...more] };
  }
  return next;
}

const absent = <T>(present: readonly T[], wanted: readonly T[]): T[] =>
  wanted.filter((one) => !present.some((other) => deepEqual(one, other)));

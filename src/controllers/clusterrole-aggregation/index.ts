import {
  deepEqual,
  type KubeObject,
  type LabelSelector,
  selectorFromObject,
} from "../../apimachinery/index.ts";
import { createWorkqueue } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isNotFound } from "../owners.ts";
import { clusterRoles } from "../resources.ts";

const fieldManager = "clusterrole-aggregation-controller";

interface ClusterRole extends KubeObject {
  rules?: readonly object[] | null;
  aggregationRule?: { readonly clusterRoleSelectors?: readonly LabelSelector[] };
}

/** Gathers the rules of the roles that an aggregated role selects: pkg/controller/clusterroleaggregation. */
export const clusterRoleAggregationController: ControllerDescriptor = {
  name: "clusterrole-aggregation-controller",
  aliases: ["clusterrole-aggregation"],
  create: aggregation,
};

function aggregation({ client, clock, log, signal, informers }: ControllerContext): { run(): Promise<void> } {
  const known = informers.informer<ClusterRole>(clusterRoles);
  const queue = createWorkqueue({ name: "clusterrole aggregation", clock, log, process: aggregate });
  const aggregated = new Set<string>();

  /** Any role may be one of those that an aggregated role selects. */
  function wakeAll(): void {
    for (const name of aggregated) queue.add(name);
  }

  function note({ metadata, aggregationRule }: ClusterRole): void {
    if (aggregationRule === undefined) aggregated.delete(metadata.name as string);
    else aggregated.add(metadata.name as string);
    wakeAll();
  }

  known.addHandler({
    add: note,
    update: note,
    delete({ metadata }) {
      aggregated.delete(metadata.name as string);
      wakeAll();
    },
  });

  async function aggregate(name: string): Promise<void> {
    const role = known.lister.get("", name);
    if (role?.aggregationRule === undefined) return;
    const rules = gathered(role, known.lister.list());
    if (deepEqual(rules, role.rules ?? [])) return;
    const body = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name },
      rules,
    };
    try {
      await client.patch(clusterRoles, name, { type: "apply", body, fieldManager, force: true });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  return { run: () => workUntil(signal, queue) };
}

/** Each rule once, by selector and then by the name of its role. */
function gathered(role: ClusterRole, all: readonly ClusterRole[]): object[] {
  const rules: object[] = [];
  const byName = [...all].sort((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
  for (const clusterRoleSelector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const selector = selectorFromObject(clusterRoleSelector);
    for (const other of byName) {
      if (other.metadata.name === role.metadata.name || !selector.matches(other.metadata.labels)) continue;
      for (const rule of other.rules ?? [])
        if (!rules.some((present) => deepEqual(present, rule))) rules.push(rule);
    }
  }
  return rules;
}

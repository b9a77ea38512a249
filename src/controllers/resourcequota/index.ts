import { deepEqual, type KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, type Informer, keyOf, splitKey } from "../../client/index.ts";
import {
  addResources,
  type Evaluator,
  evaluatorFor,
  inAllScopes,
  mask,
  type ResourceList,
  type ResourceQuota,
  writeResources,
  zero,
} from "../../quota/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isNotFound } from "../owners.ts";
import {
  inNamespace,
  persistentVolumeClaims,
  pods,
  resourceClaims,
  resourceQuotas,
  services,
} from "../resources.ts";
import { Counted } from "./counted.ts";

/**
 * Keeps in each ResourceQuota's status what its namespace uses. Admission raises the numbers as objects come; here they fall again as
 * objects go, and are right in the end. k8s.io/kubernetes/pkg/controller/resourcequota.
 */
export const resourceQuotaController: ControllerDescriptor = {
  name: "resourcequota-controller",
  aliases: ["resourcequota"],
  create,
};

/** All quotas are counted anew so often, whatever happened: upstream's --resource-quota-sync-period. */
const resyncMs = 5 * 60_000;

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal, informers } = context;
  const quotas = informers.informer<ResourceQuota>(resourceQuotas);
  /** What is counted by more than its number: whole objects are needed. */
  const whole = new Map<string, Informer>([
    ["pods.", informers.informer(pods)],
    ["services.", informers.informer(services)],
    ["persistentvolumeclaims.", informers.informer(persistentVolumeClaims)],
    ["resourceclaims.resource.k8s.io", informers.informer(resourceClaims)],
  ]);
  const queue = createWorkqueue({ name: "resource_quota", clock, log, process: reconcile });

  quotas.addHandler({
    add: (quota) => queue.add(keyOf(quota)),
    update: (quota, old) => {
      // What admission counts moves the status only; limits in it that are not the spec's were written by somebody else.
      if (!deepEqual(quota.spec, old.spec) || !deepEqual(quota.status?.hard, quota.spec?.hard)) {
        queue.add(keyOf(quota));
      }
    },
  });
  const wake = ({ metadata }: KubeObject): void => {
    for (const quota of quotas.lister.list(metadata.namespace ?? "")) queue.add(keyOf(quota));
  };
  const counted = new Counted(context, whole, wake);
  // Counting while objects come may miss those that admission has counted and the informers have not heard of: only what changes the
  // count is a reason. A pod that is bound or starts is none.
  for (const resource of [pods, services, persistentVolumeClaims, resourceClaims]) {
    const evaluator = evaluatorFor(resource);
    if (evaluator === undefined) continue;
    whole.get(`${resource.resource}.${resource.group}`)?.addHandler({
      update: (object, old) => {
        for (const quota of quotas.lister.list(object.metadata.namespace ?? "")) {
          const [before, after] = [old, object].map((each) =>
            inAllScopes(quota, evaluator, each) ? writeResources(usageOf(quota, evaluator, [each])) : {},
          );
          if (!deepEqual(before, after)) queue.add(keyOf(quota));
        }
      },
      delete: wake,
    });
  }

  async function reconcile(key: string): Promise<void> {
    const quota = quotas.lister.getByKey(key);
    if (quota === undefined) return;
    const { namespace } = splitKey(key);
    const hard = quota.spec?.hard ?? {};
    const names = Object.keys(hard);
    // What nobody can count is not said to be none.
    let used: ResourceList = new Map();
    for (const resource of resourcesCounted(names)) {
      const evaluator = evaluatorFor(resource);
      const informer = await counted.of(resource);
      if (evaluator === undefined || informer === undefined) continue;
      used = addResources(used, new Map(evaluator.matching(names).map((name) => [name, zero])));
      used = addResources(used, usageOf(quota, evaluator, informer.lister.list(namespace)));
    }
    const status = { hard, used: writeResources(mask(used, names)) };
    if (deepEqual(quota.status, status)) return;
    try {
      const scope = inNamespace(resourceQuotas, quota.metadata.namespace);
      await client.update(scope, { ...quota, status }, "status");
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  function usageOf(quota: ResourceQuota, evaluator: Evaluator, objects: readonly KubeObject[]): ResourceList {
    const now = clock.now();
    let used: ResourceList = new Map();
    for (const object of objects) {
      if (inAllScopes(quota, evaluator, object)) used = addResources(used, evaluator.usage(object, now));
    }
    return mask(used, Object.keys(quota.spec?.hard ?? {}));
  }

  return {
    async run() {
      counted.watchForGone();
      let timer = clock.after(resyncMs, resync, { background: true });
      function resync(): void {
        for (const quota of quotas.lister.list()) queue.add(keyOf(quota));
        timer = clock.after(resyncMs, resync, { background: true });
      }
      await workUntil(signal, queue);
      timer.cancel();
    },
  };
}

const aliases: Readonly<Record<string, string>> = {
  configmaps: "configmaps",
  replicationcontrollers: "replicationcontrollers",
  resourcequotas: "resourcequotas",
  secrets: "secrets",
};

/** The resources that the names of a quota have to do with. */
function resourcesCounted(names: readonly string[]): { group: string; resource: string }[] {
  const found = new Map<string, { group: string; resource: string }>();
  const add = (resource: string, group = ""): void => {
    found.set(`${resource}.${group}`, { group, resource });
  };
  for (const name of names) {
    const counted = /^count\/([^.]+)(?:\.(.+))?$/.exec(name);
    if (counted !== null) add(counted[1] as string, counted[2]);
    else if (Object.hasOwn(aliases, name)) add(aliases[name] as string);
    else {
      for (const { group, resource } of [pods, services, persistentVolumeClaims, resourceClaims]) {
        if (evaluatorFor({ group, resource })?.matching([name]).length) add(resource, group);
      }
    }
  }
  return [...found.values()];
}

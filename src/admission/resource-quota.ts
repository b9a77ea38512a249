import { compareQuantities, type KubeObject, StatusError } from "../apimachinery/index.ts";
import type { Clock } from "../platform/index.ts";
import {
  addResources,
  type Evaluator,
  evaluatorFor,
  excess,
  inAllScopes,
  mask,
  type ResourceList,
  type ResourceQuota,
  readResources,
  withoutZeros,
  writeResources,
} from "../quota/index.ts";
import { refused } from "./forbidden.ts";
import type { AdmissionPlugin, AdmissionRequest, AdmissionWriter, ConfigurationViews } from "./ports.ts";

const resourceQuotas = { group: "", version: "v1", resource: "resourcequotas" };
const writeAttemptsMax = 4;

/** A request that counts: no DELETE, and one that changes what is used. */
interface Counted {
  readonly request: AdmissionRequest;
  readonly object: KubeObject;
  readonly evaluator: Evaluator;
}

/**
 * What is written is counted against the quotas of its namespace before it is stored: each quota's status says what is used, and is
 * raised by compare and swap. What is stored in the end or deleted later is put right by the controller.
 */
export function resourceQuota(deps: {
  readonly views: ConfigurationViews;
  readonly writer: AdmissionWriter;
  readonly clock: Clock;
}): AdmissionPlugin {
  const view = deps.views.of(resourceQuotas);

  /** What the quota's status says once the request is counted; undefined where nothing changes. @throws StatusError Forbidden */
  const counted = (
    quota: ResourceQuota,
    { request, object, evaluator }: Counted,
  ): ResourceList | undefined => {
    const { name } = quota.metadata;
    const hard = readResources(quota.status?.hard);
    const restricted = evaluator.matching([...hard.keys()]);
    if (restricted.length === 0 || !inAllScopes(quota, evaluator, object)) return undefined;
    const complaint = evaluator.complaint?.(restricted, object);
    if (complaint !== undefined) throw refused(request, `failed quota: ${name}: ${complaint}`);
    const used = readResources(quota.status?.used);
    if (restricted.some((resource) => !used.has(resource))) {
      const names = [...restricted].sort().join(",");
      throw refused(request, `status unknown for quota: ${name}, resources: ${names}`);
    }
    const now = deps.clock.now();
    const usage = evaluator.usage(object, now);
    const negative = [...usage].filter(([, { nano }]) => nano < 0n).map(([resource]) => resource);
    if (negative.length > 0) {
      throw refused(request, `quota usage is negative for resource(s): ${negative.sort().join(",")}`);
    }
    const { old } = request;
    const isKnown = request.operation === "UPDATE" && old !== undefined && inAllScopes(quota, evaluator, old);
    const delta = withoutZeros(isKnown ? excess(usage, evaluator.usage(old, now)) : usage);
    if (delta.size === 0) return undefined;
    const requested = mask(delta, hard.keys());
    const next = addResources(used, requested);
    const exceeded = [...requested.keys()].filter((resource) => {
      const [amount, limit] = [next.get(resource), hard.get(resource)];
      return amount !== undefined && limit !== undefined && compareQuantities(amount, limit) > 0;
    });
    if (exceeded.length > 0 && request.subresource !== "status") {
      const show = (list: ResourceList): string =>
        Object.entries(writeResources(mask(list, exceeded)))
          .map(([resource, amount]) => `${resource}=${amount}`)
          .join(",");
      throw refused(
        request,
        `exceeded quota: ${name}, requested: ${show(requested)}, used: ${show(used)}, limited: ${show(hard)}`,
      );
    }
    return requested.size === 0 ? undefined : next;
  };

  const count = async (quotas: readonly ResourceQuota[], what: Counted): Promise<void> => {
    let left = quotas;
    for (let attempt = 1; left.length > 0; attempt++) {
      // All are asked before any is written.
      const changes = left.flatMap((quota) => {
        const used = counted(quota, what);
        return used === undefined ? [] : [{ quota, used }];
      });
      if (what.request.dryRun) return;
      const conflicting: string[] = [];
      for (const { quota, used } of changes) {
        try {
          const status = { ...quota.status, used: writeResources(used) };
          await deps.writer.updateStatus(resourceQuotas, { ...quota, status });
        } catch (error) {
          if (!(error instanceof StatusError) || error.reason !== "Conflict") {
            if (error instanceof StatusError && error.reason === "NotFound") continue;
            throw error;
          }
          if (attempt === writeAttemptsMax) throw error;
          conflicting.push(quota.metadata.name ?? "");
        }
      }
      const { namespace } = what.request;
      const again = conflicting.map((name) => deps.writer.read(resourceQuotas, { namespace, name }));
      left = (await Promise.all(again)).filter((quota) => quota !== undefined);
    }
  };

  return {
    name: "ResourceQuota",
    async validate(request) {
      const { operation, namespace, object, resource } = request;
      if (operation === "DELETE" || namespace === "" || object === undefined) return;
      const quotas: readonly ResourceQuota[] = view.inNamespace(namespace);
      if (quotas.length === 0) return;
      const evaluator = evaluatorFor(resource);
      const { subresource, old } = request;
      if (evaluator?.handles({ operation, subresource, object, old }) !== true) return;
      await count(quotas, { request, object, evaluator });
    },
  };
}

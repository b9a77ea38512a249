import type { AdmissionWriter } from "../admission/index.ts";
import type { KubeObject } from "../apimachinery/index.ts";
import type { Clock } from "../platform/index.ts";
import { type Registry, type RequestContext, trackFields } from "../registry/index.ts";
import { registryReader } from "./admission-reader.ts";

/** What admission plugins write: statuses of their own objects, as the server itself. */
export function registryWriter(registry: Registry, clock: Clock): AdmissionWriter {
  const reader = registryReader(registry, clock);
  return {
    read: (resource, at) => reader.get(resource, { ...at, fresh: true }),
    async updateStatus(resource, object) {
      const handler = registry.resource({ ...resource, resource: `${resource.resource}/status` });
      if (handler?.update === undefined) return;
      const context: RequestContext = {
        user: { name: "system:apiserver", groups: ["system:masters"] },
        namespace: object.metadata.namespace ?? "",
        dryRun: false,
        fieldManager: "kube-apiserver",
        now: clock.now(),
        warn: () => {},
      };
      const { form, subresource, rules } = handler;
      const next = (current: { readonly object: KubeObject } | undefined): KubeObject => {
        const candidate = structuredClone(object);
        trackFields(current?.object, candidate, { form, subresource, rules, context });
        return candidate;
      };
      await handler.update(object.metadata.name ?? "", next, context, {});
    },
  };
}

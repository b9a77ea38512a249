import type { AdmissionReader } from "../admission/index.ts";
import { StatusError } from "../apimachinery/index.ts";
import type { Clock } from "../platform/index.ts";
import type { Registry, RequestContext } from "../registry/index.ts";

/** What admission plugins look up, straight from the registry: from the watch cache unless it has to be fresh. */
export function registryReader(registry: Registry, clock: Clock): AdmissionReader {
  return {
    async get(resource, { namespace, name, fresh = false }) {
      const context: RequestContext = {
        user: { name: "system:apiserver", groups: ["system:masters"] },
        namespace,
        dryRun: false,
        fieldManager: "",
        now: clock.now(),
        warn: () => {},
      };
      try {
        const handler = registry.resource(resource);
        const stored = await handler?.get?.(name, context, fresh ? {} : { resourceVersion: "0" });
        return stored?.object;
      } catch (error) {
        if (error instanceof StatusError && error.reason === "NotFound") return undefined;
        throw error;
      }
    },
  };
}

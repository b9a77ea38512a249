import type { AdmissionReader, KindLookup } from "../admission/index.ts";
import { StatusError } from "../apimachinery/index.ts";
import type { Clock } from "../platform/index.ts";
import { type ListQuery, type Registry, type RequestContext, selectionPredicate } from "../registry/index.ts";

/** What admission plugins look up, straight from the registry: from the watch cache unless it has to be fresh. */
export function registryReader(registry: Registry, clock: Clock): AdmissionReader {
  const contextOf = (namespace: string): RequestContext => ({
    user: { name: "system:apiserver", groups: ["system:masters"] },
    namespace,
    dryRun: false,
    fieldManager: "",
    now: clock.now(),
    warn: () => {},
  });
  return {
    async list(resource, namespace = "") {
      const handler = registry.resource(resource);
      if (handler?.list === undefined) return [];
      const query: ListQuery = {
        namespace,
        predicate: selectionPredicate(handler.strategy, { labelSelector: "", fieldSelector: "" }),
        resourceVersion: "0",
        resourceVersionMatch: "",
        limit: 0,
        continue: "",
      };
      const found = await handler.list(query, contextOf(namespace));
      return found.items.map(({ object }) => object);
    },
    async get(resource, { namespace, name, fresh = false }) {
      const context = contextOf(namespace);
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

/** Which resource holds objects of a kind, as far as it is served. */
export function kindLookup(registry: Registry): KindLookup {
  return ({ group, version, kind }) => {
    const found = registry.resources.find(
      (handler) =>
        handler.subresource === "" &&
        handler.kind.kind === kind &&
        handler.kind.group === group &&
        handler.kind.version === version,
    );
    return found === undefined ? undefined : { resource: found.resource, namespaced: found.namespaced };
  };
}

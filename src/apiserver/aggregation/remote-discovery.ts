import type { RemoteResource } from "./aggregation.ts";
import type { RemoteApi } from "./remote-api.ts";

/** A version of a group as aggregated discovery shows it. */
export interface RemoteVersion {
  readonly resources: readonly object[];
  readonly freshness: "Current" | "Stale";
}

/** What another server says that it has, in the form of aggregated discovery; stale while it does not answer. */
export function remoteVersion(remote: RemoteApi, list: readonly RemoteResource[]): RemoteVersion {
  const kindOf = ({ group, version, kind }: RemoteResource): object => ({
    group: group ?? remote.group,
    version: version ?? remote.version,
    kind,
  });
  const resources = list
    .filter(({ name }) => !name.includes("/"))
    .map((resource) => {
      const subresources = list
        .filter(({ name }) => name.startsWith(`${resource.name}/`))
        .map((inner) => ({
          subresource: inner.name.slice(resource.name.length + 1),
          responseKind: kindOf(inner),
          verbs: inner.verbs ?? [],
        }));
      return {
        resource: resource.name,
        responseKind: kindOf(resource),
        scope: resource.namespaced === true ? "Namespaced" : "Cluster",
        singularResource: resource.singularName ?? "",
        verbs: resource.verbs ?? [],
        ...(resource.shortNames === undefined ? {} : { shortNames: resource.shortNames }),
        ...(resource.categories === undefined ? {} : { categories: resource.categories }),
        ...(subresources.length === 0 ? {} : { subresources }),
      };
    });
  return { resources, freshness: remote.isAvailable ? "Current" : "Stale" };
}

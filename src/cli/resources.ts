/** Which resource a person means: plural, singular, kind or short name, perhaps with its group behind a dot. */
import { type GroupVersionResource, StatusError } from "../apimachinery/index.ts";
import type { Transport } from "../client/index.ts";

export interface ServedResource extends GroupVersionResource {
  readonly kind: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly subresources: readonly string[];
}

interface Discovery {
  items: {
    metadata: { name?: string };
    versions: {
      version: string;
      resources?: {
        resource: string;
        responseKind: { kind: string };
        scope: string;
        singularResource: string;
        shortNames?: string[];
        verbs: string[];
        subresources?: { subresource: string }[];
      }[];
    }[];
  }[];
}

/** Everything the server serves, the preferred version of a group first. */
export async function discover(transport: Transport): Promise<ServedResource[]> {
  const found: ServedResource[] = [];
  for (const path of ["/api", "/apis"]) {
    const discovery = await fetchJson<Discovery>(
      transport,
      path,
      "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
    );
    for (const group of discovery.items) {
      for (const { version, resources } of group.versions) {
        for (const entry of resources ?? []) {
          found.push({
            group: group.metadata.name ?? "",
            version,
            resource: entry.resource,
            kind: entry.responseKind.kind,
            singular: entry.singularResource,
            shortNames: entry.shortNames ?? [],
            namespaced: entry.scope === "Namespaced",
            verbs: entry.verbs,
            subresources: (entry.subresources ?? []).map(({ subresource }) => subresource),
          });
        }
      }
    }
  }
  return found;
}

/** @throws Error that names what there is to choose from */
export function findResource(served: readonly ServedResource[], name: string): ServedResource {
  const [word = "", ...rest] = name.toLowerCase().split(".");
  const group = rest.join(".");
  const match = served.find(
    (resource) =>
      (rest.length === 0 || resource.group === group || `${resource.version}.${resource.group}` === group) &&
      (resource.resource === word ||
        resource.singular === word ||
        resource.kind.toLowerCase() === word ||
        resource.shortNames.includes(word)),
  );
  if (match) return match;
  throw new Error(
    `the server doesn't have a resource type "${name}"; \`kubectl api-resources\` or GET /apis lists what it has`,
  );
}

export function findKind(
  served: readonly ServedResource[],
  apiVersion: string,
  kind: string,
): ServedResource {
  const match = served.find((resource) => apiVersionOf(resource) === apiVersion && resource.kind === kind);
  if (match) return match;
  throw new Error(`no matches for kind "${kind}" in version "${apiVersion}"`);
}

function apiVersionOf({ group, version }: { group: string; version: string }): string {
  return group === "" ? version : `${group}/${version}`;
}

export function pathOf(resource: ServedResource, namespace: string | undefined, name?: string): string {
  const base =
    resource.group === "" ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope =
    resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${base}${scope}/${resource.resource}${name === undefined ? "" : `/${encodeURIComponent(name)}`}`;
}

/** "svc/web", or "svc" and names apart. */
export function splitNames(
  resource: string,
  names: readonly string[],
): { resource: string; names: string[] } {
  const slash = resource.indexOf("/");
  if (slash < 0) return { resource, names: [...names] };
  return { resource: resource.slice(0, slash), names: [resource.slice(slash + 1), ...names] };
}

/** GETs a path. @throws StatusError */
export async function fetchJson<T>(
  transport: Transport,
  path: string,
  accept = "application/json",
): Promise<T> {
  const response = await transport.request({ method: "GET", path, headers: { accept } });
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  if (response.status < 400) return JSON.parse(text) as T;
  try {
    throw new StatusError(JSON.parse(text));
  } catch (error) {
    if (error instanceof StatusError) throw error;
    throw new Error(`GET ${path}: ${response.status} ${text.slice(0, 200)}`);
  }
}

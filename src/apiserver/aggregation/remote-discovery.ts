import { isJsonObject, type JsonObject, parseJson } from "../../apimachinery/index.ts";
import type { RemoteApi } from "./remote-api.ts";

/** One entry of an APIResourceList. */
interface PlainResource {
  readonly name: string;
  readonly singularName?: string;
  readonly namespaced?: boolean;
  readonly group?: string;
  readonly version?: string;
  readonly kind: string;
  readonly verbs?: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

const aggregatedTypes = ["v2", "v2beta1"].map(
  (version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
);

/** The resources of a server's version in the form of aggregated discovery: its own where it speaks that. @throws Error */
export async function discoverRemote(remote: RemoteApi, milliseconds: number): Promise<readonly object[]> {
  const aggregated = await remote.document("/apis", { accept: aggregatedTypes.join(","), milliseconds });
  if (aggregated.status === 200 && aggregated.contentType.includes("as=APIGroupDiscoveryList"))
    return ownResources(remote, readObject(aggregated.text));
  const path = `/apis/${remote.group}/${remote.version}`;
  const plain = await remote.document(path, { accept: "application/json", milliseconds });
  if (plain.status !== 200)
    throw new Error(`failed to download legacy discovery for ${path}: ${plain.status}`);
  const { resources } = readObject(plain.text);
  return Array.isArray(resources) ? aggregatedForm(remote, resources as unknown as PlainResource[]) : [];
}

function readObject(text: string): JsonObject {
  const value = parseJson(text);
  return isJsonObject(value) ? value : {};
}

function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function ownResources({ group, version }: RemoteApi, list: JsonObject): readonly object[] {
  const items = objects(list["items"]);
  const found = items.find(({ metadata }) => isJsonObject(metadata) && metadata["name"] === group);
  const own = objects(found?.["versions"]).find((each) => each["version"] === version);
  return objects(own?.["resources"]).map((resource) => ({
    ...withKind(resource),
    ...(resource["subresources"] === undefined
      ? {}
      : { subresources: objects(resource["subresources"]).map(withKind) }),
  }));
}

/** Old clients look at responseKind unasked. */
function withKind(resource: JsonObject): JsonObject {
  return { ...resource, responseKind: resource["responseKind"] ?? { group: "", version: "", kind: "" } };
}

function aggregatedForm(remote: RemoteApi, list: readonly PlainResource[]): readonly object[] {
  const kindOf = ({ group, version, kind }: PlainResource): object => ({
    group: group ?? remote.group,
    version: version ?? remote.version,
    kind,
  });
  return list
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
}

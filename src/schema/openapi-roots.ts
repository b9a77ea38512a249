import type { Operation } from "./openapi-operation.ts";
import { groupName } from "./openapi-operations.ts";

/** A path that belongs to no group version, with a document of its own. */
export interface RootPath {
  readonly path: string;
  readonly operation: Operation;
  readonly tag: string;
}

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";

function root(path: string, id: string, tag: string, answer: Partial<Operation>): RootPath {
  return {
    path,
    tag,
    operation: {
      method: "get",
      id,
      action: "",
      kind: { group: "", version: "", kind: "" },
      parameters: [],
      body: "",
      bodyRequired: false,
      responseCodes: [200],
      response: "",
      streams: false,
      custom: false,
      ...answer,
    },
  };
}

/**
 * The lists of groups and versions, `/version`, and what OpenID Connect needs, by their place below /openapi/v3. `groups`: those that the server
 * has of itself, without the one without a name.
 */
export function rootPaths(groups: readonly string[]): ReadonlyMap<string, RootPath> {
  const openId = (id: string, type: string, tag: string, path: string): RootPath =>
    root(path, `getServiceAccountIssuerOpenID${id}`, tag, {
      mediaTypes: { produces: [type], consumes: undefined },
    });
  const configuration = ".well-known/openid-configuration";
  const json = ["application/json"];
  const roots: RootPath[] = [
    openId("Configuration", "application/json", "WellKnown", `/${configuration}/`),
    openId("Keyset", "application/jwk-set+json", "openid", "/openid/v1/jwks/"),
    root("/api/", "getCoreAPIVersions", "core", { response: `${meta}.APIVersions` }),
    root("/apis/", "getAPIVersions", "apis", { response: `${meta}.APIGroupList` }),
    root("/version/", "getCodeVersion", "version", {
      response: "io.k8s.apimachinery.pkg.version.Info",
      mediaTypes: { produces: json, consumes: json },
    }),
    ...groups.map((group) => {
      const name = groupName(group);
      const id = `get${name.charAt(0).toUpperCase()}${name.slice(1)}APIGroup`;
      return root(`/apis/${group}/`, id, name, { response: `${meta}.APIGroup` });
    }),
  ];
  return new Map(roots.map((each) => [each.path.slice(1, -1), each]));
}

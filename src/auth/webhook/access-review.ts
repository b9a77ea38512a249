import type { JsonObject } from "../../apimachinery/index.ts";
import type { AccessRequest } from "../access.ts";

export type ReviewVersion = "v1" | "v1beta1";

interface AccessReview extends JsonObject {
  spec: JsonObject;
}

/** What somebody wants to do, as authorization.k8s.io SubjectAccessReview: without what is empty, as upstream sends it. */
export function accessReview(request: AccessRequest, version: ReviewVersion): AccessReview {
  const { user, verb, path, resource } = request;
  const { name = "", uid = "", groups, extra = {} } = user;
  const spec = filled({
    ...(resource === undefined
      ? { nonResourceAttributes: filled({ path, verb }) }
      : {
          resourceAttributes: filled({
            namespace: resource.namespace,
            verb,
            group: resource.group,
            version: request.version ?? "",
            resource: resource.resource,
            subresource: resource.subresource,
            name: resource.name,
          }),
        }),
    user: name,
    [version === "v1" ? "groups" : "group"]: [...groups],
    extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]])),
    uid,
  });
  return {
    kind: "SubjectAccessReview",
    apiVersion: `authorization.k8s.io/${version}`,
    metadata: {},
    spec,
    status: { allowed: false },
  };
}

function filled(fields: JsonObject): JsonObject {
  const isEmpty = (value: unknown): boolean =>
    value === "" || (typeof value === "object" && value !== null && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}

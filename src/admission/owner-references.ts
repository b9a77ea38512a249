import {
  deepEqual,
  type GroupVersionKind,
  type KubeObject,
  type OwnerReference,
} from "../apimachinery/index.ts";
import type { AccessRequest, Authorizer } from "../auth/index.ts";
import { refused } from "./forbidden.ts";
import type { AdmissionPlugin, AdmissionRequest, KindLookup } from "./ports.ts";

/**
 * Who gives an object away to an owner must be allowed to delete it, and who lets an object hold up its owner's deletion must be allowed to set
 * the owner's finalizers: upstream's OwnerReferencesPermissionEnforcement.
 */
export function ownerReferencesPermission(deps: {
  readonly authorizer: Authorizer;
  readonly kinds: KindLookup;
}): AdmissionPlugin {
  const { authorizer, kinds } = deps;
  return {
    name: "OwnerReferencesPermissionEnforcement",
    async validate(request) {
      const { operation, user, resource, subresource, namespace, name, object, old } = request;
      if (object === undefined || isExempt(request)) return;
      const owners = ownersOf(object);
      if (deepEqual(owners, ownersOf(old))) return;
      if (operation !== "CREATE") {
        const target = { group: resource.group, resource: resource.resource, subresource, namespace, name };
        const decision = await authorizer.authorize({ user, verb: "delete", resource: target, path: "" });
        if (!decision.allowed)
          throw refused(
            request,
            `cannot set an ownerRef on a resource you can't delete: ${decision.reason}, <nil>`,
          );
      }
      const blocking = owners.filter((owner) => owner.blockOwnerDeletion && !blockedBefore(owner, old));
      if (blocking.length === 0 || (await allowed(authorizer, request, anything))) return;
      for (const owner of blocking) {
        const found = kinds(kindOf(owner));
        if (found === undefined)
          throw refused(
            request,
            `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${owner.apiVersion} Kind ${owner.kind}: no matches for kind ${JSON.stringify(owner.kind)} in version ${JSON.stringify(owner.apiVersion)}`,
          );
        const finalizers = {
          group: found.resource.group,
          resource: found.resource.resource,
          subresource: "finalizers",
          namespace: found.namespaced ? namespace : "",
          name: owner.name,
        };
        const decision = await authorizer.authorize({ user, verb: "update", resource: finalizers, path: "" });
        if (!decision.allowed)
          throw refused(
            request,
            `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${decision.reason}, <nil>`,
          );
      }
    },
  };
}

/** Who may finalize whatever there is need not be asked about each owner. */
const anything = { group: "*", resource: "*", subresource: "finalizers", namespace: "", name: "*" };

async function allowed(
  authorizer: Authorizer,
  { user }: AdmissionRequest,
  resource: NonNullable<AccessRequest["resource"]>,
): Promise<boolean> {
  return (await authorizer.authorize({ user, verb: "update", resource, path: "" })).allowed;
}

/** The rules of a pod keep its owners as they are there. */
function isExempt({ resource: { group, resource }, subresource }: AdmissionRequest): boolean {
  return group === "" && resource === "pods" && subresource === "status";
}

const ownersOf = (object: KubeObject | undefined): readonly OwnerReference[] =>
  object?.metadata.ownerReferences ?? [];

function blockedBefore({ uid }: OwnerReference, old: KubeObject | undefined): boolean {
  return ownersOf(old).some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true);
}

function kindOf({ apiVersion, kind }: OwnerReference): GroupVersionKind {
  const [group = "", version] = apiVersion.split("/");
  return version === undefined ? { group: "", version: group, kind } : { group, version, kind };
}

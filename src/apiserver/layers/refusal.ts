import { errors, StatusError } from "../../apimachinery/index.ts";
import type { AccessRequest } from "../../auth/index.ts";

/** 403 in upstream's sentence: who may not do what, where, and why where somebody says why. */
export function accessRefused(
  { user, verb, resource: target, path }: AccessRequest,
  reason: string,
): StatusError {
  const because = reason === "" ? "" : `: ${reason}`;
  const who = `User ${JSON.stringify(user.name)} cannot ${verb}`;
  if (target === undefined) {
    return new StatusError({
      status: "Failure",
      message: `forbidden: ${who} path ${JSON.stringify(path)}${because}`,
      reason: "Forbidden",
      details: {},
      code: 403,
    });
  }
  const { group, namespace, name, subresource } = target;
  const resource = subresource === "" ? target.resource : `${target.resource}/${subresource}`;
  // A Namespace is the scope of a request for itself.
  const scope = namespace === "" ? "at the cluster scope" : `in the namespace ${JSON.stringify(namespace)}`;
  return errors.forbidden(
    { group, resource: target.resource },
    name,
    `${who} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(group)} ${scope}${because}`,
  );
}

import { errors, StatusError } from "../../apimachinery/index.ts";
import type { Authorizer } from "../../auth/index.ts";
import type { RequestInfo } from "../request-info.ts";
import type { Layer } from "../state.ts";

/** Whether the user may do what the URL and the method say. @throws StatusError Forbidden, with upstream's sentence */
export function authorize(authorizer: Authorizer): Layer {
  return async (context, next) => {
    const { user, info } = context.state;
    const { group, resource, subresource, namespace, name } = info;
    const decision = authorizer.authorize({
      user,
      verb: info.verb,
      path: info.path,
      ...(info.isResource ? { resource: { group, resource, subresource, namespace, name } } : {}),
    });
    if (!decision.allowed) {
      context.state.refusedByAuthorizer = true;
      throw refusal(user.name, info, decision.reason);
    }
    await next();
  };
}

function refusal(user: string, info: RequestInfo, reason: string): StatusError {
  const because = reason === "" ? "" : `: ${reason}`;
  const who = `User ${JSON.stringify(user)} cannot ${info.verb}`;
  if (!info.isResource) {
    return new StatusError({
      status: "Failure",
      message: `forbidden: ${who} path ${JSON.stringify(info.path)}${because}`,
      reason: "Forbidden",
      details: {},
      code: 403,
    });
  }
  const resource = info.subresource === "" ? info.resource : `${info.resource}/${info.subresource}`;
  // A Namespace is the scope of a request for itself.
  const scope =
    info.namespace === "" ? "at the cluster scope" : `in the namespace ${JSON.stringify(info.namespace)}`;
  return errors.forbidden(
    { group: info.group, resource: info.resource },
    info.name,
    `${who} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(info.group)} ${scope}${because}`,
  );
}

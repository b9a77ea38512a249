import type { AccessRequest, Authorizer } from "../../auth/index.ts";
import type { ApiContext, Layer } from "../state.ts";
import { accessRefused } from "./refusal.ts";

/** Whether the user may do what the URL and the method say. @throws StatusError Forbidden, with upstream's sentence */
export function authorize(authorizer: Authorizer): Layer {
  return async (context, next) => {
    const request = accessRequest(context);
    const decided = authorizer.authorize(request);
    const decision = decided instanceof Promise ? await decided : decided;
    if (!decision.allowed) {
      context.state.refusedByAuthorizer = true;
      throw accessRefused(request, decision.reason);
    }
    await next();
  };
}

/** What the URL and the method ask to be allowed. */
export function accessRequest({ state: { user, info } }: ApiContext): AccessRequest {
  const { group, resource, subresource, namespace, name } = info;
  return {
    user,
    verb: info.verb,
    path: info.path,
    ...(info.isResource ? { resource: { group, resource, subresource, namespace, name } } : {}),
    ...(info.query.empty ? {} : { fieldSelector: info.query.get("fieldSelector") }),
  };
}

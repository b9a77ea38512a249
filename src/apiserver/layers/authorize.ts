import type { AccessRequest, Authorizer, Decision } from "../../auth/index.ts";
import type { ApiContext, Layer, Reply } from "../state.ts";
import { accessRefused } from "./refusal.ts";

/** Whether the user may do what the URL and the method say. @throws StatusError Forbidden, with upstream's sentence */
export function authorize(authorizer: Authorizer): Layer {
  return (context, next) => {
    const request = accessRequest(context);
    const decided = authorizer.authorize(request);
    const go = ({ allowed, reason, error }: Decision): Promise<void> => {
      const { audit } = context.state;
      if (!allowed && error !== undefined) {
        audit?.annotate("authorization.k8s.io/reason", "internal error");
        context.state.reply = failure(context, error);
        return Promise.resolve();
      }
      audit?.annotate("authorization.k8s.io/decision", allowed ? "allow" : "forbid");
      audit?.annotate("authorization.k8s.io/reason", reason);
      if (allowed) return next(context);
      context.state.refusedByAuthorizer = true;
      throw accessRefused(request, reason);
    };
    return decided instanceof Promise ? decided.then(go) : go(decided);
  };
}

/** Somebody who should have said whether it is allowed could not: in plain text, as upstream. */
function failure({ req }: ApiContext, why: string): Reply {
  return {
    status: 500,
    headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" },
    body: `Internal Server Error: ${JSON.stringify(req.url)}: ${why}\n`,
  };
}

/** What the URL and the method ask to be allowed. */
export function accessRequest({ state: { user, info } }: ApiContext): AccessRequest {
  const { group, version, resource, subresource, namespace, name } = info;
  return {
    user,
    verb: info.verb,
    path: info.path,
    ...(info.isResource ? { version, resource: { group, resource, subresource, namespace, name } } : {}),
    ...(info.query.empty ? {} : { fieldSelector: info.query.get("fieldSelector") }),
  };
}

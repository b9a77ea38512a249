import { errors } from "../../apimachinery/index.ts";
import { type ListQuery, selectionPredicate } from "../../registry/index.ts";
import { type ListParameters, listParameters } from "../options.ts";
import type { ResourceCall } from "./call.ts";

/** GET of a collection. */
export async function list(call: ResourceCall): Promise<void> {
  const options = call.encoding();
  const { handler } = call;
  if (handler.list === undefined) throw errors.methodNotAllowed();
  const query = listQuery(call, listParameters(call.info.query, false));
  const found = await handler.list(query, call.requestContext({ dryRun: false }));
  call.reply(200, call.deps.encoder.list(found, options), options);
}

export function listQuery(call: ResourceCall, parameters: ListParameters): ListQuery {
  return {
    namespace: call.namespace,
    predicate: selectionPredicate(call.handler.strategy, parameters),
    resourceVersion: parameters.resourceVersion,
    resourceVersionMatch: parameters.resourceVersionMatch,
    limit: parameters.limit,
    continue: parameters.continue,
  };
}

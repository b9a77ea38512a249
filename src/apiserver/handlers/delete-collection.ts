import { errors } from "../../apimachinery/index.ts";
import { listParameters } from "../options.ts";
import type { ResourceCall } from "./call.ts";
import { deleteOptions, deleteParameters } from "./delete.ts";
import { listQuery } from "./list.ts";

/** DELETE of a collection: of what its selectors match. */
export async function deleteCollection(call: ResourceCall): Promise<void> {
  const encoding = call.encoding();
  const { handler } = call;
  if (handler.deleteCollection === undefined) throw errors.methodNotAllowed();
  const parameters = await deleteParameters(call);
  const query = listQuery(call, listParameters(call.info.query, false));
  const removed = await handler.deleteCollection(
    query,
    call.requestContext(parameters),
    deleteOptions(call, parameters),
  );
  call.reply(200, call.deps.encoder.list(removed, encoding), encoding);
}

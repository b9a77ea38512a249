import { errors } from "../../apimachinery/index.ts";
import type { ResourceCall } from "./call.ts";

/** GET of one object. */
export async function get(call: ResourceCall): Promise<void> {
  const options = call.encoding();
  const { handler, info } = call;
  if (handler.get === undefined) throw errors.methodNotAllowed();
  // What was served until 1.14 is told to be gone, rather than not done.
  if (info.query.flag("export"))
    throw errors.badRequest("the export parameter, deprecated since v1.14, is no longer supported");
  const resourceVersion = info.query.get("resourceVersion");
  const context = call.requestContext({ dryRun: false });
  const stored = await handler.get(info.name, context, resourceVersion === "" ? {} : { resourceVersion });
  call.reply(200, call.deps.encoder.object(stored, options), options);
}

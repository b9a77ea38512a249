import { errors, type KubeObject, type Status } from "../../apimachinery/index.ts";
import { trackFields } from "../../registry/index.ts";
import { readBody } from "../body.ts";
import { decodeBody } from "../decode-body.ts";
import { type WriteOptions, writeOptions } from "../options.ts";
import type { ResourceCall } from "./call.ts";
import { dedupOwnerReferences, settleNamespace, wipeSystemFields } from "./object-checks.ts";

/** POST to a collection, or to a subresource of a named object (binding, eviction). */
export async function create(call: ResourceCall): Promise<void> {
  const encoding = call.encoding();
  const { handler, deps } = call;
  const options = writeOptions(call.info.query, "CreateOptions");
  const object = await requestObject(call, options);
  wipeSystemFields(object);
  settleNamespace(object, call.namespace);
  dedupOwnerReferences(object, call);
  const context = call.requestContext(options);
  trackFields(undefined, object, {
    form: handler.form,
    subresource: handler.subresource,
    rules: handler.rules,
    context,
  });
  const name = call.info.name === "" ? (object.metadata.name ?? "") : call.info.name;
  const at = { name, dryRun: options.dryRun };
  await deps.admission.mutate(call.admissionRequest("CREATE", { ...at, object, old: undefined }));
  dedupOwnerReferences(object, call);
  const validate = call.validation("CREATE", at);
  if (handler.create !== undefined) {
    const stored = await handler.create(object, context, { validate });
    call.reply(201, deps.encoder.object(stored, encoding), encoding);
  } else if (handler.createNamed !== undefined) {
    const answer: KubeObject | Status = await handler.createNamed(name, object, context, { validate });
    call.reply(201, deps.encoder.value(answer, encoding.representation, encoding.pretty), encoding);
  } else {
    throw errors.methodNotAllowed();
  }
}

/** The object of the body, in the kind of the path. */
export async function requestObject(call: ResourceCall, options: WriteOptions): Promise<KubeObject> {
  const body = await readBody(call.context.req);
  const { warnings } = call.context.state;
  return decodeBody(body, call.handler.form, {
    contentType: call.header("content-type"),
    fieldValidation: options.fieldValidation,
    protobuf: call.deps.protobuf,
    warn: (text) => warnings.add(text),
  });
}

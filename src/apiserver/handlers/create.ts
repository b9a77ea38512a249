import {
  errors,
  type Json,
  type JsonObject,
  type KubeObject,
  parseJson,
  type Status,
  stringifyJson,
} from "../../apimachinery/index.ts";
import { apiVersionOf, trackFields } from "../../registry/index.ts";
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
  if (handler.keepsSystemFields !== true) wipeSystemFields(object);
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
  dedupOwnerReferences(object, call, true);
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
  const object = decodeBody(body, call.handler.form, {
    contentType: call.header("content-type"),
    fieldValidation: options.fieldValidation,
    protobuf: call.deps.protobuf,
    warn: (text) => warnings.add(text),
  });
  const { form } = call.handler;
  call.context.state.audit?.sent(object.metadata, () => recorded(object, form));
  return object;
}

/** The object as it was sent, with its defaults, for the record of who did what. */
function recorded(object: KubeObject, form: ResourceCall["handler"]["form"]): Json {
  const {
    kind: _,
    apiVersion: __,
    ...fields
  } = parseJson(stringifyJson(form.canonicalize(object))) as JsonObject;
  return { kind: form.kind.kind, apiVersion: apiVersionOf(form.kind), ...fields };
}

import { deepClone, errors, type KubeObject } from "../../apimachinery/index.ts";
import { type NextObject, trackFields } from "../../registry/index.ts";
import { writeOptions } from "../options.ts";
import type { ResourceCall } from "./call.ts";
import { requestObject } from "./create.ts";
import { checkName, dedupOwnerReferences, settleNamespace } from "./object-checks.ts";

/** PUT of a named object. */
export async function update(call: ResourceCall): Promise<void> {
  const encoding = call.encoding();
  const { handler, deps, info } = call;
  if (handler.update === undefined) throw errors.methodNotAllowed();
  const options = writeOptions(info.query, "UpdateOptions");
  const object = await requestObject(call, options);
  settleNamespace(object, call.namespace);
  checkName(object, info.name);
  dedupOwnerReferences(object, call);
  const context = call.requestContext(options);
  const at = { name: info.name, dryRun: options.dryRun };
  // Strategies change what they are given; an attempt after a lost race begins with what the client sent.
  const sent = deepClone(object);
  let fresh: KubeObject | undefined = object;
  const next: NextObject = async (current) => {
    const candidate = fresh ?? deepClone(sent);
    fresh = undefined;
    const { form, subresource, rules, equivalents } = handler;
    trackFields(current?.object, candidate, { form, subresource, rules, context, equivalents });
    const operation = current === undefined ? "CREATE" : "UPDATE";
    const old = current?.object;
    await deps.admission.mutate(call.admissionRequest(operation, { ...at, object: candidate, old }));
    dedupOwnerReferences(candidate, call, true);
    return candidate;
  };
  const { uid } = object.metadata;
  const stored = await handler.update(info.name, next, context, {
    ...(uid === undefined ? {} : { uid }),
    validateCreate: call.creation(at),
    validateUpdate: call.validation("UPDATE", at),
  });
  call.reply(stored.created ? 201 : 200, deps.encoder.object(stored, encoding), encoding);
}

import {
  errors,
  isJsonObject,
  type Json,
  JsonError,
  type JsonObject,
  parseJson,
  parseYaml,
  YamlError,
} from "../../apimachinery/index.ts";
import type { DeleteOptions } from "../../registry/index.ts";
import { ProtobufError } from "../../wire/index.ts";
import { readBody } from "../body.ts";
import { decodeProtobuf, identityProblem, notRegistered } from "../decode-body.ts";
import { objectTypes, parseMediaType } from "../media-types.ts";
import { type DeleteParameters, deleteParametersOf, deleteParametersOfQuery } from "../options.ts";
import type { ResourceCall } from "./call.ts";

/** DELETE of a named object. */
export async function remove(call: ResourceCall): Promise<void> {
  const encoding = call.encoding();
  const { handler, info, deps } = call;
  if (handler.delete === undefined) throw errors.methodNotAllowed();
  const parameters = await deleteParameters(call);
  const context = call.requestContext(parameters);
  const result = await handler.delete(info.name, context, deleteOptions(call, parameters));
  // What is only marked for now is told by the status only to those who asked for it in the old way.
  const status = !result.removed && parameters.orphanDependents === false ? 202 : 200;
  const body =
    result.status === undefined
      ? deps.encoder.object(result.object, encoding)
      : deps.encoder.value(result.status, encoding.representation, encoding.pretty);
  call.reply(status, body, encoding);
}

/** DeleteOptions for the registry, with admission as its last check. */
export function deleteOptions(call: ResourceCall, parameters: DeleteParameters): DeleteOptions {
  const { dryRun, ...options } = parameters;
  const { admission } = call.deps;
  return {
    ...options,
    validate: async (object) => {
      // Who deletes a collection names none of its objects.
      const name = call.info.named ? (object.metadata.name ?? "") : "";
      const request = call.admissionRequest("DELETE", { name, object: undefined, old: object, dryRun });
      await admission.mutate(request);
      await admission.validate(request);
    },
  };
}

/** Options of a DELETE: of its body, else of its query. @throws StatusError BadRequest, Invalid, UnsupportedMediaType */
export async function deleteParameters(call: ResourceCall): Promise<DeleteParameters> {
  const body = await readBody(call.context.req);
  if (body.length === 0) return deleteParametersOfQuery(call.info.query);
  const value = parseOptions(body, call);
  if (value === null) return deleteParametersOf({});
  const unreadable = identityProblem(value);
  if (unreadable !== undefined || !isJsonObject(value)) throw errors.badRequest(unreadable ?? "");
  const { kind = "", apiVersion = "" } = value as { kind?: string; apiVersion?: string };
  if (apiVersion.split("/").length > 2)
    throw errors.badRequest(`unexpected GroupVersion string: ${apiVersion}`);
  // In the form that upstream's server has of it inside.
  const inside = { kind: "DeleteOptions", apiVersion: "meta.k8s.io/__internal" };
  call.context.state.audit?.sent({}, () => ({ ...inside, ...withoutKind(value) }));
  if (kind !== "" && kind !== "DeleteOptions") {
    const version = apiVersion === "" ? "meta.k8s.io/v1" : apiVersion;
    throw errors.badRequest(notRegistered({ kind, group: "", version }));
  }
  return deleteParametersOf(value);
}

function withoutKind({ kind: _, apiVersion: __, ...fields }: JsonObject): JsonObject {
  return fields as JsonObject;
}

function parseOptions(body: Buffer, call: ResourceCall): Json {
  const contentType = call.header("content-type");
  const type = contentType === "" ? "application/json" : parseMediaType(contentType)?.type;
  try {
    if (type === "application/json") return parseJson(body.toString());
    if (type === "application/yaml") return parseYaml(body.toString());
    if (type === "application/vnd.kubernetes.protobuf") return decodeProtobuf(body, call.deps.protobuf);
  } catch (error) {
    if (error instanceof JsonError) {
      throw errors.badRequest(`couldn't get version/kind; json parse error: ${error.message}`);
    }
    if (error instanceof YamlError || error instanceof ProtobufError) throw errors.badRequest(error.message);
    throw error;
  }
  throw errors.unsupportedMediaType(objectTypes);
}

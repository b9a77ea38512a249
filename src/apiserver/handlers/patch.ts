import {
  applyConfiguration,
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  deepClone,
  errors,
  field,
  type GroupVersionKind,
  isJsonObject,
  type Json,
  JsonError,
  type JsonObject,
  jsonTypeName,
  type KubeObject,
  parseJson,
  parseYaml,
  printGoValue,
  YamlError,
} from "../../apimachinery/index.ts";
import {
  apiVersionOf,
  fieldManagerRequest,
  type NextObject,
  type RequestContext,
  trackFields,
} from "../../registry/index.ts";
import { DecodeError, strictErrors } from "../../schema/index.ts";
import type { Stored } from "../../storage/index.ts";
import { readBody } from "../body.ts";
import { complain, kindOf, notRegistered, notThisCustomKind, strictComplaints } from "../decode-body.ts";
import { parseMediaType } from "../media-types.ts";
import { type WriteOptions, writeOptions } from "../options.ts";
import type { ResourceCall } from "./call.ts";
import { checkName, dedupOwnerReferences, settleNamespace } from "./object-checks.ts";
import { appliedPatch, mergedText, rewrittenText } from "./patch-quotes.ts";

type PatchType = "json" | "merge" | "strategic" | "apply";

const patchTypes: Readonly<Record<string, PatchType>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};

/** PATCH of a named object: read, patch, write, and all of it again when somebody else wrote in between. */
export async function patch(call: ResourceCall): Promise<void> {
  const encoding = call.encoding();
  const { handler, info, deps } = call;
  if (handler.update === undefined) throw errors.methodNotAllowed();
  const type = patchTypeOf(call.header("content-type"));
  if (type === "strategic" && handler.info.published !== undefined)
    throw errors.unsupportedMediaType(
      Object.keys(patchTypes).filter((name) => patchTypes[name] !== "strategic"),
    );
  const options = writeOptions(info.query, "PatchOptions", type === "apply" ? "apply" : "other");
  const parsed = parsePatch(type, await readBody(call.context.req));
  if (parsed.failure === undefined) call.context.state.audit?.patched(parsed.document);
  const context = call.requestContext(options);
  const patching = new Patching(call, { type, ...parsed, options, context });
  const at = { name: info.name, dryRun: options.dryRun };
  const stored = await handler.update(info.name, patching.next, context, {
    // What is applied is about who owns what.
    keepManagedFields: type === "apply",
    // A part of an object is no reason to make the object.
    forceAllowCreate: type === "apply" && handler.subresource === "",
    validateCreate: call.creation(at),
    validateUpdate: call.validation("UPDATE", at),
  });
  call.reply(stored.created ? 201 : 200, deps.encoder.object(stored, encoding), encoding);
}

/** @throws StatusError UnsupportedMediaType, as upstream's router answers */
function patchTypeOf(contentType: string): PatchType {
  const type = patchTypes[parseMediaType(contentType)?.type ?? ""];
  if (type !== undefined) return type;
  throw errors.refusedByRouter(415);
}

/** What is said of a field that stands twice: of JSON its path, of YAML the line and name. */
const duplicateText: Readonly<Record<PatchType, (where: string) => string>> = {
  json: (path) => `duplicate field "${path}"`,
  merge: (path) => `duplicate field "${path}"`,
  strategic: (path) => `duplicate field "${path}"`,
  apply: (why) => `error converting YAML to JSON: ${why}`,
};

interface ParsedPatch {
  readonly document: Json;
  /** What a strict decoder says of fields that stand twice, or mean nothing to a JSON patch. */
  readonly complaints: readonly string[];
  /** Why there is no document: told once it is known that there is an object to patch. */
  readonly failure?: Error;
}

function parsePatch(type: PatchType, body: Buffer): ParsedPatch {
  const complaints: string[] = [];
  const onDuplicate = (text: string): void => {
    complaints.push(duplicateText[type](text));
  };
  try {
    const text = body.toString();
    const document =
      type === "apply" ? parseConfiguration(text, onDuplicate) : parseJson(text, { onDuplicate });
    return { document, complaints: type === "json" ? ofOperations(document, text, complaints) : complaints };
  } catch (error) {
    return { document: null, complaints, failure: unreadable(type, error) };
  }
}

const operationFields: ReadonlySet<string> = new Set(["op", "path", "from", "value"]);

/** What a strict decoder says of a JSON patch itself: unknown fields too, as they come by. */
function ofOperations(document: Json, text: string, duplicates: readonly string[]): readonly string[] {
  const unknown = (Array.isArray(document) ? document : []).flatMap((operation, i) =>
    Object.keys(isJsonObject(operation) ? operation : {})
      .filter((name) => !operationFields.has(name))
      .map((name) => `[${i}].${name}`),
  );
  const all = unknown.length === 0 ? duplicates : strictComplaints(text, unknown);
  return all.map((complaint) => `json patch ${complaint}`);
}

/** @throws what is no complaint about the text */
function unreadable(type: PatchType, error: unknown): Error {
  if (error instanceof JsonError)
    return errors.badRequest(type === "strategic" ? error.message : `error decoding patch: ${error.message}`);
  if (error instanceof YamlError)
    return errors.badRequest(`error decoding YAML: error converting YAML to JSON: ${error.message}`);
  throw error;
}

/** YAML by its media type, JSON by most clients' habit: that is read far sooner. Whatever is wrong with it is told as YAML's. */
function parseConfiguration(text: string, onDuplicate: (why: string) => void): Json {
  if (text.startsWith("{")) {
    try {
      let repeats = false;
      const document = parseJson(text, {
        onDuplicate: () => {
          repeats = true;
        },
      });
      if (!repeats) return document;
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
    }
  }
  return parseYaml(text, { onDuplicate });
}

interface PatchRequest extends ParsedPatch {
  readonly type: PatchType;
  readonly options: WriteOptions;
  readonly context: RequestContext;
}

/** One patch on its way to an object, perhaps several times. */
class Patching {
  readonly #call: ResourceCall;
  readonly #request: PatchRequest;
  readonly #kind: GroupVersionKind;

  constructor(call: ResourceCall, request: PatchRequest) {
    this.#call = call;
    this.#request = request;
    this.#kind = call.handler.kind;
  }

  readonly next: NextObject = async (current) => {
    const { handler, info, deps, namespace } = this.#call;
    const { type, options, context } = this.#request;
    const patched = type === "apply" ? this.#applied(current) : this.#patched(current);
    settleNamespace(patched, namespace);
    checkName(patched, info.name);
    // Upstream looks at what a patch makes only once, after admission.
    dedupOwnerReferences(patched, this.#call, true);
    if (type !== "apply") {
      const { form, subresource, rules, equivalents } = handler;
      trackFields(current?.object, patched, { form, subresource, rules, context, equivalents });
    }
    const operation = current === undefined ? "CREATE" : "UPDATE";
    const at = { name: info.name, dryRun: options.dryRun, object: patched, old: current?.object };
    await deps.admission.mutate(this.#call.admissionRequest(operation, at));
    dedupOwnerReferences(patched, this.#call, true);
    return patched;
  };

  #patched(current: Stored | undefined): KubeObject {
    const { handler, info } = this.#call;
    if (current === undefined) throw errors.notFound(handler.resource, info.name);
    const { type, document, failure } = this.#request;
    if (failure !== undefined) throw failure;
    const before = current.object as unknown as JsonObject;
    if (type === "strategic") {
      const after = applyStrategicMergePatch(before, document as JsonObject, handler.form.schema);
      // Go's types know what they are, whatever such a patch says.
      const { apiVersion = "", kind = "" } = current.object;
      const quote = (): string => printGoValue(appliedPatch(document, before));
      return this.#decoded({ ...after, apiVersion, kind }, quote);
    }
    const apply = type === "json" ? applyJsonPatch : applyMergePatch;
    // As it is answered: the same fields, in the order that clients see.
    const quote = (): string => {
      const patched = apply(parseJson(Buffer.from(current.json()).toString()), document);
      return type === "json" ? rewrittenText(patched) : mergedText(patched, document);
    };
    return this.#decoded(apply(before, document), quote);
  }

  /** The patched document as an object. `quote`: what an error shows as the bad value. */
  #decoded(after: Json, quote: () => string): KubeObject {
    const refuse = (why: string): Error =>
      errors.invalid({ group: "", kind: "" }, "", [field.invalid("patch", quote(), why)]);
    if (typeof after !== "object" || after === null || Array.isArray(after)) {
      throw refuse("the patch leaves no object");
    }
    const kind = kindOf(after, this.#kind);
    if (
      kind.kind !== this.#kind.kind ||
      kind.version !== this.#kind.version ||
      kind.group !== this.#kind.group
    ) {
      if (this.#call.handler.form.custom === true) throw notThisCustomKind(after, this.#kind);
      throw refuse(notRegistered(kind));
    }
    return this.#complete(after, refuse);
  }

  #complete(fields: JsonObject, refuse: (why: string) => Error): KubeObject {
    const { form } = this.#call.handler;
    try {
      const { object, unknownFields } = form.decode(fields);
      const { type, complaints } = this.#request;
      const told = type === "apply" ? [] : complaints;
      const texts = unknownFields.length === 0 ? told : [...told, ...strictErrors(unknownFields, []).sort()];
      this.#complain(texts, (all) => refuse(`strict decoding error: ${all.join(", ")}`));
      object.metadata ??= {};
      return form.applyDefaults(object);
    } catch (error) {
      if (error instanceof DecodeError)
        throw refuse((this.#request.type === "strategic" ? error.conversion() : undefined) ?? error.message);
      throw error;
    }
  }

  #complain(texts: readonly string[], refuse: (texts: readonly string[]) => Error): void {
    const { warnings } = this.#call.context.state;
    const { fieldValidation } = this.#request.options;
    complain(texts, { fieldValidation, warn: (text) => warnings.add(text) }, refuse);
  }

  /** Server-side apply. */
  #applied(current: Stored | undefined): KubeObject {
    const { options, context } = this.#request;
    const configuration = this.#configuration();
    const { form, subresource, rules, equivalents } = this.#call.handler;
    const request = fieldManagerRequest({ form, subresource, rules, context, equivalents });
    const merged = this.#merged(current, configuration, { ...request, force: options.force });
    this.#complain(this.#request.complaints, (texts) =>
      errors.badRequest(`error strict decoding YAML: ${texts.join(", ")}`),
    );
    if (current === undefined && configuration.metadata.uid) {
      throw errors.conflict(
        this.#call.handler.resource,
        this.#call.info.name,
        `uid mismatch: the provided object specified uid ${configuration.metadata.uid}, and no existing object was found`,
      );
    }
    return this.#complete(deepClone(merged) as unknown as JsonObject, (why) => errors.plainError(why));
  }

  #merged(
    current: Stored | undefined,
    configuration: KubeObject,
    request: Parameters<typeof applyConfiguration>[2],
  ): KubeObject {
    try {
      return applyConfiguration(current?.object, configuration, request);
    } catch (error) {
      // Its managers speak another version, in which it cannot be told.
      if (error instanceof DecodeError) throw errors.plainError(error.message);
      throw error;
    }
  }

  /** What the client applies. @throws StatusError BadRequest */
  #configuration(): KubeObject {
    const { failure } = this.#request;
    if (failure !== undefined) throw failure;
    // An empty text is an empty object.
    const document = this.#request.document ?? {};
    if (!isJsonObject(document)) {
      const what = `json: cannot unmarshal ${jsonTypeName(document)} into Go value of type map[string]interface {}`;
      throw errors.badRequest(`error decoding YAML: error unmarshaling JSON: while decoding JSON: ${what}`);
    }
    const applied = deepClone(document) as unknown as KubeObject;
    // What is no text says nothing.
    const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
    const [apiVersion, kind] = [textOf(applied.apiVersion), textOf(applied.kind)];
    if (apiVersion !== apiVersionOf(this.#kind) || kind !== this.#kind.kind) {
      const [group, version] = apiVersion.includes("/") ? apiVersion.split("/", 2) : ["", apiVersion];
      throw errors.badRequest(`invalid object type: ${group}/${version}, Kind=${kind}`);
    }
    applied.metadata ??= {};
    if (applied.metadata.managedFields !== undefined)
      throw errors.badRequest("metadata.managedFields must be nil");
    return applied;
  }
}

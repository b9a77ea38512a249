import {
  errors,
  type FieldError,
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
  visitKeys,
  YamlError,
} from "../apimachinery/index.ts";
import { apiVersionOf } from "../registry/index.ts";
import { DecodeError, type KindForm, resourceOfKind, schemaOfKind, strictErrors } from "../schema/index.ts";
import { type KubernetesCodec, ProtobufError } from "../wire/index.ts";
import { customTypes, objectTypes, parseMediaType } from "./media-types.ts";

/** What happens to fields that a kind does not have. */
export type FieldValidation = "Ignore" | "Warn" | "Strict";

/** "k8s" and a zero byte begin every protobuf body. */
const protobufPrefix = 0x6b387300;
/** Characters of a body that an error quotes. */
const summaryBytes = 30;
/** As many as upstream collects (sigs.k8s.io/json). */
const strictErrorsMax = 100;
/** Go's way to name the place of its registry of types; clients and people see it. */
const scheme = 'in scheme "pkg/runtime/scheme.go:111"';

export interface DecodeOptions {
  readonly contentType: string;
  readonly fieldValidation: FieldValidation;
  readonly protobuf: () => KubernetesCodec;
  warn(text: string): void;
}

/** The object of a POST or PUT, pruned and with its defaults. @throws StatusError BadRequest, UnsupportedMediaType */
export function decodeBody(body: Buffer, form: KindForm, options: DecodeOptions): KubeObject {
  const expected = form.kind;
  const { value, duplicates } = parseBody(body, form, options);
  const fields = objectFields(value, body, expected);
  const kind = kindOf(fields, expected);
  const refuse = (why: string): Error =>
    errors.badRequest(
      `${kind.kind} in version "${kind.version}" cannot be handled as a ${expected.kind}: ${why}`,
    );
  if (form.custom === true) checkCustomKind(fields, expected, body);
  else if (!isOtherVersion(kind, form)) checkKind(kind, expected, refuse);
  try {
    const { object, unknownFields } = form.decode(fields);
    // Go's decoder of JSON into structs complains as it comes by; the others tell duplicate fields before unknown ones.
    const isOnePass = form.custom !== true && isJson(options.contentType);
    const texts =
      isOnePass && duplicates.length > 0 && unknownFields.length > 0
        ? strictComplaints(body.toString(), unknownFields)
        : duplicates.length + unknownFields.length > 0
          ? // YAML of built-in kinds comes by as JSON with its keys sorted.
            [
              ...duplicates,
              ...strictErrors(form.custom === true ? unknownFields : unknownFields.toSorted(), []),
            ]
          : [];
    complain(texts, options, (all) => refuse(`strict decoding error: ${all.join(", ")}`));
    object.metadata ??= {};
    return form.applyDefaults(object);
  } catch (error) {
    if (error instanceof DecodeError) throw refuse(error.message);
    throw error;
  }
}

function isJson(contentType: string): boolean {
  return contentType === "" || parseMediaType(contentType)?.type === "application/json";
}

/** Unknown and duplicate fields in the order of the text. Nothing is told of what is in an unknown field. */
export function strictComplaints(text: string, unknownFields: readonly string[]): string[] {
  const unknown = new Set(unknownFields);
  const found = new Set<string>();
  let inside: string | undefined;
  visitKeys(text, (path, isRepeated) => {
    if (inside !== undefined && (path.startsWith(`${inside}.`) || path.startsWith(`${inside}[`))) return;
    inside = unknown.has(path) ? path : undefined;
    if (inside !== undefined) found.add(`unknown field "${path}"`);
    else if (isRepeated) found.add(`duplicate field "${path}"`);
  });
  return [...found].slice(0, strictErrorsMax);
}

/** Tells of unknown and duplicate fields as the request wants it. */
export function complain(
  texts: readonly string[],
  options: Pick<DecodeOptions, "fieldValidation" | "warn">,
  refuse: (texts: readonly string[]) => Error,
): void {
  if (texts.length === 0 || options.fieldValidation === "Ignore") return;
  if (options.fieldValidation === "Strict") throw refuse(texts);
  // A warning is one line.
  for (const text of texts)
    for (const line of text
      .replace(/^(?:error converting YAML to JSON: )?yaml: unmarshal errors:\n {2}/, "")
      .split("\n  "))
      options.warn(line);
}

/** Why an object of `kind` is no object of the registry of types. */
export function notRegistered(kind: { kind: string; group: string; version: string }): string {
  return `no kind "${kind.kind}" is registered for version "${apiVersionOf(kind)}" ${scheme}`;
}

function parseBody(
  body: Buffer,
  { kind: expected, custom = false }: KindForm,
  { contentType, protobuf }: DecodeOptions,
): { value: Json; duplicates: string[] } {
  const type = contentType === "" ? "application/json" : parseMediaType(contentType)?.type;
  const duplicates: string[] = [];
  const onDuplicate = (path: string): void => {
    duplicates.push(`duplicate field "${path}"`);
  };
  const unrecognized = (why: string): Error =>
    errors.badRequest(
      `the object provided is unrecognized (must be of type ${expected.kind}): ${why} (${summary(body)})`,
    );
  switch (type) {
    case "application/json":
      try {
        const value = parseJson(body.toString(), { onDuplicate });
        checkIdentity(value, unrecognized, custom);
        return { value, duplicates };
      } catch (error) {
        if (error instanceof JsonError) {
          throw unrecognized(`couldn't get version/kind; json parse error: ${error.message}`);
        }
        throw error;
      }
    case "application/yaml":
      try {
        const value = parseYaml(body.toString(), {
          onDuplicate: (text) => duplicates.push(text),
        });
        checkIdentity(value, unrecognized, custom);
        return { value, duplicates };
      } catch (error) {
        if (error instanceof YamlError) throw unrecognized(error.message);
        throw error;
      }
    case "application/vnd.kubernetes.protobuf":
      if (custom) throw errors.unsupportedMediaType(customTypes);
      try {
        return { value: decodeProtobuf(body, protobuf), duplicates };
      } catch (error) {
        if (error instanceof ProtobufError) throw unrecognized(error.message);
        throw error;
      }
    default:
      throw errors.unsupportedMediaType(custom ? customTypes : objectTypes);
  }
}

/** What a body is must be known before anything else of it. */
function checkIdentity(value: Json, unrecognized: (why: string) => Error, custom: boolean): void {
  if (value === null) return;
  const problem = custom ? undefined : identityProblem(value);
  if (problem !== undefined) throw unrecognized(problem);
  const apiVersion = isJsonObject(value) ? value["apiVersion"] : undefined;
  if (typeof apiVersion === "string" && apiVersion.split("/").length > 2)
    throw unrecognized(`unexpected GroupVersion string: ${apiVersion}`);
}

const identityType =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/** Why it cannot be said what an object a document is. */
export function identityProblem(value: Json): string | undefined {
  const unreadable = (found: Json, into: string): string =>
    `couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonTypeName(found)} into Go ${into}`;
  if (!isJsonObject(value)) return unreadable(value, `value of type ${identityType}`);
  for (const name of ["apiVersion", "kind"]) {
    const given = Object.hasOwn(value, name) ? (value[name] ?? "") : "";
    if (typeof given !== "string") return unreadable(given, `struct field .${name} of type string`);
  }
  return undefined;
}

/** @throws ProtobufError */
export function decodeProtobuf(body: Buffer, protobuf: () => KubernetesCodec): Json {
  if (body.length < 4 || body.readUInt32BE(0) !== protobufPrefix) {
    throw new ProtobufError(
      "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
    );
  }
  if (body.length === 4) throw new ProtobufError("empty body");
  return protobuf().decode(body) as unknown as Json;
}

/** The beginning of a body, as text where it looks like JSON and as hexadecimal digits where not. */
function summary(body: Buffer): string {
  if (body.length === 0) return "<empty>";
  const cut = body.subarray(0, summaryBytes);
  const text = body[0] === 0x7b ? cut.toString() : cut.toString("hex");
  return body.length > summaryBytes ? `${text} ...` : text;
}

function objectFields(value: Json, body: Buffer, expected: GroupVersionKind): JsonObject {
  if (value === null) return {};
  if (isJsonObject(value)) return value;
  throw errors.badRequest(
    `the object provided is unrecognized (must be of type ${expected.kind}): ${identityProblem(value)} (${summary(body)})`,
  );
}

/** The kind that a body names; what it leaves out is what the path says. */
export function kindOf(fields: JsonObject, expected: GroupVersionKind): GroupVersionKind {
  const kind = typeof fields["kind"] === "string" && fields["kind"] !== "" ? fields["kind"] : expected.kind;
  const apiVersion = fields["apiVersion"];
  if (typeof apiVersion !== "string" || apiVersion === "") {
    return { group: expected.group, version: expected.version, kind };
  }
  const slash = apiVersion.indexOf("/");
  return { group: slash < 0 ? "" : apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1), kind };
}

/** Bodies of custom kinds say what they are; another kind is told as a field that is wrong. */
function checkCustomKind(fields: JsonObject, expected: GroupVersionKind, body: Buffer): void {
  const { kind, apiVersion } = fields;
  if (typeof kind !== "string" || kind === "") {
    throw errors.badRequest(
      `the object provided is unrecognized (must be of type ${expected.kind}): Object 'Kind' is missing in '${body.toString()}' (${summary(body)})`,
    );
  }
  const wanted = `${expected.group}/${expected.version}`;
  if (apiVersion !== wanted) {
    throw errors.badRequest(
      `the API version in the data (${typeof apiVersion === "string" ? apiVersion : ""}) does not match the expected API version (${wanted})`,
    );
  }
  if (kind !== expected.kind) throw notThisCustomKind(fields, expected);
}

/** What is said of an object that calls itself something else than the custom kind that it is written as. */
export function notThisCustomKind(fields: JsonObject, expected: GroupVersionKind): Error {
  const { kind, group } = kindOf(fields, expected);
  const { apiVersion, metadata } = fields;
  const wanted = `${expected.group}/${expected.version}`;
  const problems: FieldError[] = [];
  if (kind !== expected.kind) problems.push(field.invalid("kind", kind, `must be ${expected.kind}`));
  if (apiVersion !== wanted) problems.push(field.invalid("apiVersion", apiVersion, `must be ${wanted}`));
  const name = isJsonObject(metadata) ? metadata["name"] : "";
  return errors.invalid({ group, kind }, typeof name === "string" ? name : "", problems);
}

function isOtherVersion({ group, version, kind }: GroupVersionKind, form: KindForm): boolean {
  const { kind: own, otherVersions = [] } = form;
  return kind === own.kind && group === own.group && otherVersions.includes(version);
}

function checkKind(kind: GroupVersionKind, expected: GroupVersionKind, refuse: (why: string) => Error): void {
  if (kind.kind === expected.kind && kind.version === expected.version && kind.group === expected.group)
    return;
  if (resourceOfKind(kind) !== undefined || schemaOfKind(kind) !== undefined) {
    const to = (expected.group === "" ? "core" : expected.group.split(".")[0]) as string;
    throw refuse(`converting (${kind.version}.${kind.kind}) to (${to}.${expected.kind}): unknown conversion`);
  }
  // Versions that were served once are known and can be converted, which says something else.
  if (
    kind.group === expected.group &&
    kind.kind === expected.kind &&
    /^v\d+(alpha|beta)\d+$/.test(kind.version)
  ) {
    throw errors.badRequest(
      `the API version in the data (${apiVersionOf(kind)}) does not match the expected API version (${apiVersionOf(expected)})`,
    );
  }
  throw refuse(notRegistered(kind));
}

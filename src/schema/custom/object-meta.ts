import {
  dns1035LabelErrors,
  type FieldError,
  field,
  type Json,
  type JsonObject,
  type ObjectMeta,
  pathSegmentErrors,
  setOwn,
  validateObjectMeta,
} from "../../apimachinery/index.ts";
import { DecodeError, decodeDefinition } from "../decode.ts";
import type { CustomNode } from "./custom-node.ts";
import { childPath, record } from "./pruning.ts";

const objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/** Metadata as it is read into Go's ObjectMeta and written again. @throws DecodeError */
export function readMetadata(value: Json, path: string, unknown: string[]): JsonObject {
  const { value: metadata, unknownFields } = decodeDefinition(objectMeta, value);
  for (const name of unknownFields) record(unknown, childPath(path, name));
  return metadata as JsonObject;
}

/** Brings metadata, kind and apiVersion of embedded resources into their form, in place. @throws FieldProblem */
export function coerceEmbedded(value: Json, node: CustomNode | undefined, unknown: string[]): void {
  coerceAt(value, node, "", unknown);
}

/** Something that is not what it must be, as the error of a field. */
export class FieldProblem extends Error {
  override readonly name = "FieldProblem";
  readonly problem: FieldError;

  constructor(problem: FieldError) {
    super(problem.detail);
    this.problem = problem;
  }
}

function coerceAt(value: Json, node: CustomNode | undefined, path: string, unknown: string[]): void {
  if (node === undefined || typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    value.forEach((item, index) => {
      coerceAt(item, node.items, `${path}[${index}]`, unknown);
    });
    return;
  }
  // The root's own is read apart.
  const embedded = node.embedded && path !== "";
  for (const key of Object.keys(value)) {
    if (embedded) coerceIdentity(value, key, path, unknown);
    const declared = node.properties.get(key);
    if (declared !== undefined) coerceAt(value[key] as Json, declared, childPath(path, key), unknown);
    else if (node.values !== undefined) coerceAt(value[key] as Json, node.values, `${path}[${key}]`, unknown);
  }
}

function coerceIdentity(object: JsonObject, key: string, path: string, unknown: string[]): void {
  const at = childPath(path, key);
  const value = object[key] as Json;
  if (key === "apiVersion" || key === "kind") {
    if (typeof value !== "string") throw new FieldProblem(field.invalid(at, value, "must be a string"));
    return;
  }
  if (key !== "metadata") return;
  try {
    setOwn(object, key, readMetadata(value, at, unknown));
  } catch (error) {
    if (error instanceof DecodeError) throw new FieldProblem(field.invalid(at, value, error.message));
    throw error;
  }
}

/** What is wrong with the identity of embedded resources; of the root too where `root` says so. */
export function embeddedProblems(
  value: Json,
  node: CustomNode | undefined,
  root: boolean,
  path = "",
): FieldError[] {
  const problems: FieldError[] = [];
  visit(value, node, path, root, problems);
  return problems;
}

function visit(
  value: Json,
  node: CustomNode | undefined,
  path: string,
  withRoot: boolean,
  problems: FieldError[],
): void {
  if (node === undefined || typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    value.forEach((item, index) => {
      visit(item, node.items, `${path}[${index}]`, true, problems);
    });
    return;
  }
  if (node.embedded && withRoot) problems.push(...identityProblems(value, path));
  for (const [key, inner] of Object.entries(value)) {
    const declared = node.properties.get(key);
    if (declared !== undefined) visit(inner, declared, childPath(path, key), true, problems);
    else if (node.values !== undefined) visit(inner, node.values, `${path}[${key}]`, true, problems);
  }
}

function identityProblems(object: JsonObject, path: string): FieldError[] {
  const problems: FieldError[] = [];
  for (const name of ["apiVersion", "kind"] as const) {
    const at = childPath(path, name);
    if (!Object.hasOwn(object, name)) {
      problems.push(field.required(at, ""));
      continue;
    }
    const text = object[name];
    if (typeof text !== "string") problems.push(field.invalid(at, text, "must be a string"));
    else if (text === "") problems.push(field.invalid(at, text, "must not be empty"));
    else if (name === "apiVersion" && text.split("/").length > 2)
      problems.push(field.invalid(at, text, `unexpected GroupVersion string: ${text}`));
    else if (name === "kind") problems.push(...kindProblems(text, at));
  }
  if (Object.hasOwn(object, "metadata"))
    problems.push(...metadataProblems(object["metadata"] as Json, childPath(path, "metadata")));
  return problems;
}

function kindProblems(kind: string, at: string): FieldError[] {
  const texts = dns1035LabelErrors(kind.toLowerCase());
  if (texts.length === 0) return [];
  return [field.invalid(at, kind, `may have mixed case, but should otherwise match: ${texts.join(",")}`)];
}

function metadataProblems(value: Json, path: string): FieldError[] {
  let metadata: ObjectMeta;
  try {
    metadata = readMetadata(value, path, []) as ObjectMeta;
  } catch (error) {
    if (error instanceof DecodeError) return [field.invalid(path, value, error.message)];
    throw error;
  }
  // A template need not have a name.
  const named = metadata.name ? metadata : { ...metadata, name: "fakename" };
  return validateObjectMeta(named, {
    namespaced: (metadata.namespace ?? "") !== "",
    validateName: (name) => pathSegmentErrors(name),
    path,
  });
}

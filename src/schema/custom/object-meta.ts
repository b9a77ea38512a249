import {
  dns1035LabelErrors,
  type FieldError,
  field,
  isJsonObject,
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

/**
 * What happens to fields of identities that are not of their type: what clients send is refused for them, what stands in the store is
 * shown without them.
 */
export type Malformed = "refused" | "dropped";

/** Metadata as it is read into Go's ObjectMeta and written again. @throws DecodeError */
export function readMetadata(value: Json, path: string, unknown: string[]): JsonObject {
  const { value: metadata, unknownFields } = decodeDefinition(objectMeta, value);
  for (const name of unknownFields) record(unknown, childPath(path, name));
  return metadata as JsonObject;
}

/** The same of metadata that was stored: what cannot be read is left out. @throws DecodeError where it is no object */
export function readStoredMetadata(value: Json): JsonObject {
  try {
    return readMetadata(value, "", []);
  } catch (error) {
    if (!(error instanceof DecodeError) || !isJsonObject(value)) throw error;
    const readable = Object.entries(value).filter(([name, field]) => isReadable({ [name]: field }));
    return readMetadata(Object.fromEntries(readable), "", []);
  }
}

function isReadable(metadata: Json): boolean {
  try {
    readMetadata(metadata, "", []);
    return true;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

/** Brings metadata, kind and apiVersion of embedded resources into their form, in place. @throws FieldProblem */
export function coerceEmbedded(
  value: Json,
  node: CustomNode | undefined,
  unknown: string[],
  malformed: Malformed = "refused",
): void {
  new Coercion(unknown, malformed).visit(value, node, "");
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

class Coercion {
  readonly #unknown: string[];
  readonly #malformed: Malformed;

  constructor(unknown: string[], malformed: Malformed) {
    this.#unknown = unknown;
    this.#malformed = malformed;
  }

  visit(value: Json, node: CustomNode | undefined, path: string): void {
    if (node === undefined || typeof value !== "object" || value === null) return;
    if (Array.isArray(value)) {
      value.forEach((item, index) => {
        this.visit(item, node.items, `${path}[${index}]`);
      });
      return;
    }
    // The root's own is read apart.
    const embedded = node.embedded && path !== "";
    for (const key of Object.keys(value)) {
      if (embedded) this.#identity(value, key, path);
      const declared = node.properties.get(key);
      if (declared !== undefined) this.visit(value[key] as Json, declared, childPath(path, key));
      else if (node.values !== undefined) this.visit(value[key] as Json, node.values, `${path}[${key}]`);
    }
  }

  #identity(object: JsonObject, key: string, path: string): void {
    const at = childPath(path, key);
    const value = object[key] as Json;
    if (key === "apiVersion" || key === "kind") {
      if (typeof value === "string") return;
      if (this.#malformed === "refused") throw new FieldProblem(field.invalid(at, value, "must be a string"));
      delete object[key];
      return;
    }
    if (key !== "metadata") return;
    try {
      const read =
        this.#malformed === "refused" ? readMetadata(value, at, this.#unknown) : readStoredMetadata(value);
      setOwn(object, key, read);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      if (this.#malformed === "refused") throw new FieldProblem(field.invalid(at, value, error.message));
    }
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

import { canonicalQuantity, type Json, type JsonObject, QuantityError } from "../apimachinery/index.ts";
import { base64Error, canonicalTime, isBase64, timeError } from "./scalars.ts";
import { schemaPropsDefinition, type TypeNode, typeOfDefinition } from "./types.ts";

/**
 * What Go's decoder would say of a body that does not fit. It reads in document order; a value of the wrong type is remembered
 * and reading goes on, so the first one is reported; an error of a type with its own reader (quantity, time, int-or-string) ends
 * the reading at once and wins over what was remembered.
 */
export function explainMismatch(type: TypeNode, body: Json): string {
  const reader = new Explainer();
  try {
    reader.visit(type, body);
  } catch (error) {
    if (!(error instanceof Abort)) throw error;
    return error.message;
  }
  return reader.first ?? "json: the value does not fit its type";
}

/** Paths of unknown fields in document order, at most as many as upstream collects. */
export function listUnknownFields(type: TypeNode, body: Json): string[] {
  const found: string[] = [];
  collectUnknown(type, body, "", found);
  return found;
}

const unknownFieldsMax = 100;

function collectUnknown(type: TypeNode, value: Json, path: string, found: string[]): void {
  if (typeof value !== "object" || value === null || found.length >= unknownFieldsMax) return;
  if (Array.isArray(value)) {
    const items = type.codec === "list" ? type.items : undefined;
    if (items !== undefined)
      value.forEach((item, i) => {
        collectUnknown(items, item, `${path}[${i}]`, found);
      });
    return;
  }
  // A type with a reader of its own tells nothing of what it passed over.
  if (type.codec.startsWith("schemaOr")) return;
  const node = type;
  for (const [key, inner] of Object.entries(value as JsonObject)) {
    const innerPath = path === "" ? key : `${path}.${key}`;
    if (node.codec === "map") collectUnknown(node.values as TypeNode, inner, innerPath, found);
    else if (node.codec === "struct") {
      const field = node.fields.get(key);
      if (field !== undefined) collectUnknown(field.node, inner, innerPath, found);
      else if (found.length < unknownFieldsMax) found.push(innerPath);
    }
  }
}

function schemaProps(): TypeNode {
  return typeOfDefinition(schemaPropsDefinition) as TypeNode;
}

/** Go puts these structs into others without a field of JSON's; its decoder names them all the same. */
const embeddedStructs: Readonly<
  Record<string, { readonly name: string; readonly without: readonly string[] }>
> = {
  Volume: { name: "VolumeSource", without: ["name"] },
  PersistentVolumeSpec: {
    name: "PersistentVolumeSource",
    without: [
      "capacity",
      "accessModes",
      "claimRef",
      "persistentVolumeReclaimPolicy",
      "storageClassName",
      "mountOptions",
      "volumeMode",
      "nodeAffinity",
      "volumeAttributesClassName",
    ],
  },
  Probe: {
    name: "ProbeHandler",
    without: [
      "initialDelaySeconds",
      "timeoutSeconds",
      "periodSeconds",
      "successThreshold",
      "failureThreshold",
      "terminationGracePeriodSeconds",
    ],
  },
  EphemeralContainer: { name: "EphemeralContainerCommon", without: ["targetContainerName"] },
  IngressRule: { name: "IngressRuleValue", without: ["host"] },
  RuleWithOperations: { name: "Rule", without: ["operations"] },
  NamedRuleWithOperations: { name: "RuleWithOperations", without: ["resourceNames"] },
  DeviceClassConfiguration: { name: "DeviceConfiguration", without: [] },
  DeviceClaimConfiguration: { name: "DeviceConfiguration", without: ["requests"] },
  DeviceAllocationConfiguration: { name: "DeviceConfiguration", without: ["source", "requests"] },
  ...namesAnObject("ConfigMapEnvSource", ["optional"]),
  ...namesAnObject("SecretEnvSource", ["optional"]),
  ...namesAnObject("ConfigMapKeySelector", ["key", "optional"]),
  ...namesAnObject("SecretKeySelector", ["key", "optional"]),
  ...namesAnObject("ConfigMapProjection", ["items", "optional"]),
  ...namesAnObject("SecretProjection", ["items", "optional"]),
  ...namesAnObject("ConfigMapVolumeSource", ["items", "defaultMode", "optional"]),
};

function namesAnObject(struct: string, without: readonly string[]): typeof embeddedStructs {
  return { [struct]: { name: "LocalObjectReference", without } };
}

/** The structs, outermost first, through which Go finds a field in another. */
function embeddedIn(struct: string, field: string): string[] {
  const embedded = Object.hasOwn(embeddedStructs, struct) ? embeddedStructs[struct] : undefined;
  if (embedded === undefined || embedded.without.includes(field)) return [];
  return [embedded.name, ...embeddedIn(embedded.name, field)];
}

class Abort extends Error {}

class Explainer {
  first: string | undefined;
  readonly #path: string[] = [];
  #struct = "";

  visit(type: TypeNode, value: Json): void {
    if (value === null) return;
    switch (type.codec) {
      case "struct":
        this.#visitStruct(type, value);
        return;
      case "map":
        this.#visitMap(type, value);
        return;
      case "list":
        this.#visitList(type, value);
        return;
      case "string":
        if (typeof value !== "string") this.#wrongType(value, type.goType);
        return;
      case "bool":
        if (typeof value !== "boolean") this.#wrongType(value, type.goType);
        return;
      case "int32":
      case "int64":
        if (typeof value === "number" || typeof value === "bigint") {
          if (!fitsInteger(value, type.codec)) this.#wrongType(value, type.goType, `number ${value}`);
        } else this.#wrongType(value, type.goType);
        return;
      case "float":
        if (typeof value !== "number" && typeof value !== "bigint") this.#wrongType(value, type.goType);
        return;
      case "bytes":
        if (typeof value !== "string") this.#wrongType(value, type.goType);
        else if (!isBase64(value)) this.first ??= base64Error(value);
        return;
      default:
        this.#visitSpecial(type, value);
    }
  }

  /** Types with a reader of their own. */
  #visitSpecial(type: TypeNode, value: Json): void {
    switch (type.codec) {
      case "quantity":
        checkQuantity(value);
        return;
      case "time":
      case "microtime": {
        if (typeof value !== "string") throw new Abort(this.#typeMessage(value, "string"));
        const micro = type.codec === "microtime";
        if (canonicalTime(value, micro) === undefined) throw new Abort(timeError(value, micro));
        return;
      }
      case "intOrString":
        if (typeof value === "string") return;
        if (typeof value === "number" || typeof value === "bigint") {
          if (fitsInteger(value, "int32")) return;
          throw new Abort(this.#typeMessage(value, "int32", `number ${value}`));
        }
        throw new Abort(this.#typeMessage(value, "int32"));
      case "schemaOrArray":
      case "schemaOrBool":
      case "schemaOrStringArray":
        this.#visitSchemaOr(type.codec, value);
        return;
      default:
        return;
    }
  }

  /** A schema or something else: what is wrong below it ends the reading as well. */
  #visitSchemaOr(codec: "schemaOrArray" | "schemaOrBool" | "schemaOrStringArray", value: Json): void {
    const isSchema = typeof value === "object" && !Array.isArray(value);
    if (codec === "schemaOrBool" && !isSchema && typeof value !== "boolean")
      throw new Abort("boolean or JSON schema expected");
    const outside = this.first;
    this.first = undefined;
    if (isSchema) this.visit(schemaProps(), value);
    else if (Array.isArray(value)) {
      for (const item of value) {
        if (codec === "schemaOrArray") this.visit(schemaProps(), item);
        else if (item !== null && typeof item !== "string") this.#wrongType(item, "string");
      }
    }
    if (this.first !== undefined) throw new Abort(this.first);
    this.first = outside;
  }

  #visitStruct(type: TypeNode, value: Json): void {
    if (typeof value !== "object" || Array.isArray(value)) {
      this.#wrongType(value, type.goType);
      return;
    }
    const outer = this.#struct;
    for (const [key, inner] of Object.entries(value as JsonObject)) {
      const field = type.fields.get(key);
      if (field === undefined) continue;
      this.#struct = type.structName;
      this.#path.push([...embeddedIn(type.structName, key), key].join("."));
      this.visit(field.node, inner);
      this.#path.pop();
      this.#struct = outer;
    }
  }

  #visitMap(type: TypeNode, value: Json): void {
    if (typeof value !== "object" || Array.isArray(value)) {
      this.#wrongType(value, type.goType);
      return;
    }
    for (const inner of Object.values(value as JsonObject)) this.visit(type.values as TypeNode, inner);
  }

  #visitList(type: TypeNode, value: Json): void {
    if (!Array.isArray(value)) {
      this.#wrongType(value, type.goType);
      return;
    }
    for (const item of value) this.visit(type.items as TypeNode, item);
  }

  #wrongType(value: Json, goType: string, what?: string): void {
    this.first ??= this.#typeMessage(value, goType, what);
  }

  #typeMessage(value: Json, goType: string, what: string = jsonTypeName(value)): string {
    const target = this.#struct === "" ? "value" : `struct field ${this.#struct}.${this.#path.join(".")}`;
    return `json: cannot unmarshal ${what} into Go ${target} of type ${goType}`;
  }
}

function checkQuantity(value: Json): void {
  try {
    canonicalQuantity(
      typeof value === "string" ? value.trim() : typeof value === "object" ? "{" : String(value),
    );
  } catch (error) {
    if (error instanceof QuantityError) throw new Abort(error.message);
    throw error;
  }
}

function fitsInteger(value: number | bigint, size: "int32" | "int64"): boolean {
  if (typeof value === "number")
    return size === "int32" ? (value | 0) === value : Number.isSafeInteger(value);
  return size === "int64" && BigInt.asIntN(64, value) === value;
}

function jsonTypeName(value: Json): string {
  if (Array.isArray(value)) return "array";
  switch (typeof value) {
    case "string":
      return "string";
    case "boolean":
      return "bool";
    case "number":
    case "bigint":
      return "number";
    default:
      return "object";
  }
}

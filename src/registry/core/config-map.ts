import {
  configMapKeyErrors,
  deepEqual,
  type FieldError,
  field,
  type KubeObject,
} from "../../apimachinery/index.ts";
import { complaints } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
  /** Base64. */
  binaryData?: Record<string, string>;
  immutable?: boolean;
}

/** All values together, in bytes. */
export const dataBytesMax = 1024 * 1024;

export const configMapStrategy: Strategy<ConfigMap> = {
  namespaced: true,
  metadataOnUpdate: ["changes", "object"],
  validate: validateConfigMap,
  validateUpdate: (next, old) => [
    ...validateFrozen(next, old, ["data", "binaryData"]),
    ...validateConfigMap(next),
  ],
  tableRow: (object, now) => [
    nameOf(object),
    Object.keys(object.data ?? {}).length + Object.keys(object.binaryData ?? {}).length,
    age(object, now),
  ],
};

function validateConfigMap({ data = {}, binaryData = {} }: ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    const path = `data[${key}]`;
    errors.push(...complaints(path, key, configMapKeyErrors(key)));
    if (Object.hasOwn(binaryData, key)) {
      errors.push(field.invalid(path, key, "duplicate of key present in binaryData"));
    }
    bytes += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData)) {
    errors.push(...complaints(`binaryData[${key}]`, key, configMapKeyErrors(key)));
    bytes += base64Bytes(value);
  }
  // Upstream puts this on the whole object, which Go's empty path prints as [].
  if (bytes > dataBytesMax) errors.push(field.tooLong("[]", dataBytesMax));
  return errors;
}

/** What `immutable: true` forbids for good. */
export function validateFrozen(
  next: KubeObject,
  old: KubeObject,
  fields: readonly ("data" | "binaryData")[],
): FieldError[] {
  if (old["immutable"] !== true) return [];
  const message = "field is immutable when `immutable` is set";
  const errors: FieldError[] = [];
  if (next["immutable"] !== true) errors.push(field.forbidden("immutable", message));
  for (const name of fields) {
    if (!deepEqual(next[name] ?? {}, old[name] ?? {})) errors.push(field.forbidden(name, message));
  }
  return errors;
}

/** Bytes that a base64 text stands for. */
export function base64Bytes(text: string): number {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}

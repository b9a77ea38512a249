import { deepEqual, type FieldError, field, qualifiedNameErrors } from "../../apimachinery/index.ts";
import { complaints } from "../rules/values.ts";

/** What classes of storage have in common: a driver and its parameters, which never change. */

const parametersMax = 512;
const parameterBytesMax = 256 * 1024;

export function fixed(name: string, next: unknown, old: unknown): FieldError[] {
  return deepEqual(next, old) ? [] : [field.forbidden(name, `updates to ${name} are forbidden.`)];
}

export function validateProvisioner(provisioner: string, path: string): FieldError[] {
  if (provisioner === "") return [field.required(path, "")];
  const name = provisioner.toLowerCase();
  return complaints(path, name, qualifiedNameErrors(name));
}

export function validateParameters(
  parameters: Record<string, string>,
  { mayBeEmpty }: { readonly mayBeEmpty: boolean },
): FieldError[] {
  const entries = Object.entries(parameters);
  if (entries.length > parametersMax) return [field.tooLong("parameters", parametersMax)];
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of entries) {
    if (key === "") errors.push(field.invalid("parameters", key, "field can not be empty."));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > parameterBytesMax) errors.push(field.tooLong("parameters", parameterBytesMax));
  if (!mayBeEmpty && entries.length === 0) {
    const rule = "must contain at least one key/value pair";
    errors.push(field.required("parameters", rule));
  }
  return errors;
}

import {
  dns1123SubdomainErrors,
  type FieldError,
  field,
  pathSegmentErrors,
} from "../../apimachinery/index.ts";
import { complaints } from "../rules/values.ts";

/** A reference to an object of any kind in the same namespace. */
export interface ObjectReference {
  apiGroup?: string;
  kind: string;
  name: string;
}

export function validateObjectReference(
  { apiGroup, kind, name }: ObjectReference,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (apiGroup !== undefined) {
    errors.push(...complaints(`${path}.apiGroup`, apiGroup, dns1123SubdomainErrors(apiGroup)));
  }
  for (const [at, value] of [
    ["kind", kind],
    ["name", name],
  ] as const) {
    if (!value) errors.push(field.required(`${path}.${at}`, ""));
    else errors.push(...complaints(`${path}.${at}`, value, pathSegmentErrors(value)));
  }
  return errors;
}

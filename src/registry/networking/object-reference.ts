import {
  dns1123SubdomainErrors,
  type FieldError,
  field,
  pathSegmentErrors,
} from "../../apimachinery/index.ts";
import { complaints } from "../rules/values.ts";

/** A reference to an object of any kind in the same namespace. */
export interface ObjectReference {
  /** Go writes the group of core kinds as null. */
  apiGroup?: string | null;
  kind: string;
  name: string;
}

export function validateObjectReference(
  { apiGroup, kind, name }: ObjectReference,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (apiGroup !== undefined && apiGroup !== null) {
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

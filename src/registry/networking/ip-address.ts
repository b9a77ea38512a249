import {
  deepEqual,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  formatIp,
  ipErrors,
  type KubeObject,
  parseIp,
} from "../../apimachinery/index.ts";
import { complaints, fieldIsImmutable } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf, none } from "../tables/cells.ts";

interface ParentReference {
  group?: string;
  resource?: string;
  namespace?: string;
  name?: string;
}

interface IpAddressObject extends KubeObject {
  spec?: { parentRef?: ParentReference };
}

/** Says that an address is taken, and by whom: one for every ClusterIP. */
export const ipAddressStrategy: Strategy<IpAddressObject> = {
  namespaced: false,
  metadataOnUpdate: ["object", "changes"],
  validateName: (name) => {
    const ip = parseIp(name);
    if (ip === undefined) return ipErrors(name);
    const canonical = formatIp(ip);
    return canonical === name ? [] : [`must be in canonical form ("${canonical}")`];
  },
  validate: ({ spec }) => validateParent(spec),
  validateUpdate: (next, old) => [
    ...validateParent(next.spec),
    ...validateSameParent(next.spec?.parentRef, old.spec?.parentRef),
  ],
  // A cell more than there are columns: so does upstream.
  tableRow: (object, now) => [nameOf(object), parentCell(object), age(object, now)],
};

function validateParent(spec: IpAddressObject["spec"]): FieldError[] {
  const parent = spec?.parentRef;
  if (parent === undefined) return [field.required("spec.parentRef", "")];
  const errors: FieldError[] = [];
  const { group = "" } = parent;
  if (group !== "") errors.push(...complaints("spec.parentRef.group", group, dns1123SubdomainErrors(group)));
  if (!parent.resource) errors.push(field.required("spec.parentRef.resource", ""));
  if (!parent.name) errors.push(field.required("spec.parentRef.name", ""));
  return errors;
}

function validateSameParent(
  next: ParentReference | undefined,
  old: ParentReference | undefined,
): FieldError[] {
  if (deepEqual(next, old)) return [];
  // Upstream prints its internal form.
  const { group = "", resource = "", namespace = "", name = "" } = next ?? {};
  const shown = { Group: group, Resource: resource, Namespace: namespace, Name: name };
  return [field.invalid("spec.parentRef", next === undefined ? null : shown, fieldIsImmutable)];
}

/** `services/default/web`. */
function parentCell({ spec }: IpAddressObject): string {
  const parent = spec?.parentRef;
  if (parent === undefined) return none;
  const { group = "", resource = "", namespace = "", name = "" } = parent;
  const kind = group === "" ? resource : `${resource}.${group}`;
  return [kind, namespace, name].filter((part) => part !== "").join("/");
}

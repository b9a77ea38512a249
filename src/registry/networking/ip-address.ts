import { type FieldError, field, type KubeObject } from "../../apimachinery/index.ts";
import { formatIp, parseIp } from "../rules/ip.ts";
import { immutable } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf, none } from "../tables/cells.ts";

interface IpAddressObject extends KubeObject {
  spec?: { parentRef?: { group?: string; resource?: string; namespace?: string; name?: string } };
}

/** Says that an address is taken, and by whom: one for every ClusterIP. */
export const ipAddressStrategy: Strategy<IpAddressObject> = {
  namespaced: false,
  validateName: (name) => {
    const ip = parseIp(name);
    return ip !== undefined && formatIp(ip) === name ? [] : ["must be a valid IP address in canonical form"];
  },
  validate: ({ spec }) => validateParent(spec),
  validateUpdate: (next, old) => immutable("spec.parentRef", next.spec?.parentRef, old.spec?.parentRef),
  selectableFields: {},
  tableRow: (object, now) => [nameOf(object), parentCell(object), age(object, now)],
};

function validateParent(spec: IpAddressObject["spec"]): FieldError[] {
  const parent = spec?.parentRef;
  if (parent === undefined) return [field.required("spec.parentRef", "")];
  const errors: FieldError[] = [];
  if (!parent.resource) errors.push(field.required("spec.parentRef.resource", ""));
  if (!parent.name) errors.push(field.required("spec.parentRef.name", ""));
  return errors;
}

/** `services/default/web`. */
function parentCell({ spec }: IpAddressObject): string {
  const parent = spec?.parentRef;
  if (parent === undefined) return none;
  const { group = "", resource = "", namespace = "", name = "" } = parent;
  const kind = group === "" ? resource : `${resource}.${group}`;
  return [kind, namespace, name].filter((part) => part !== "").join("/");
}

import { type FieldError, field, type KubeObject } from "../../apimachinery/index.ts";
import { immutable, nonNegative } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf, none } from "../tables/cells.ts";

interface ControllerRevision extends KubeObject {
  data?: unknown;
  revision?: number;
}

/** A template as it once was: never changes. */
export const controllerRevisionStrategy: Strategy<ControllerRevision> = {
  namespaced: true,
  metadataOnUpdate: ["changes", "object"],
  validate: validateRevision,
  validateUpdate: (next, old) => [
    ...nonNegative("revision", next.revision),
    ...immutable("data", next.data, old.data),
  ],
  tableRow: (object, now) => [nameOf(object), ownerCell(object), object.revision ?? 0, age(object, now)],
};

function validateRevision({ data, revision }: ControllerRevision): FieldError[] {
  const errors: FieldError[] = [];
  if (data === undefined || data === null) errors.push(field.required("data", "data is mandatory"));
  return [...errors, ...nonNegative("revision", revision)];
}

/** `statefulset.apps/db`. */
function ownerCell({ metadata }: ControllerRevision): string {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return none;
  const [group, version] = owner.apiVersion.split("/");
  const kind = owner.kind.toLowerCase();
  return `${version === undefined ? kind : `${kind}.${group}`}/${owner.name}`;
}

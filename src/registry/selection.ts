import {
  errors,
  type FieldSelector,
  type KubeObject,
  parseFieldSelector,
  parseLabelSelector,
  type Selector,
  SelectorError,
} from "../apimachinery/index.ts";
import type { Attributes, SelectionPredicate } from "../storage/index.ts";
import type { Strategy } from "./strategy.ts";

const selectsAll: SelectionPredicate = { matches: () => true, empty: true };

/** How a kind's fields are read for a fieldSelector. */
type FieldReaders = Pick<Strategy, "selectableFields" | "unknownFieldText" | "indexedFields" | "namespaced">;

/**
 * A request's selectors as one predicate. `name`: the request is for this object only (the old watch paths).
 * @throws StatusError BadRequest with upstream's texts
 */
export function selectionPredicate(
  strategy: FieldReaders,
  query: { readonly labelSelector: string; readonly fieldSelector: string; readonly name?: string },
): SelectionPredicate {
  if (query.labelSelector === "" && query.fieldSelector === "" && query.name === undefined) return selectsAll;
  const labels = parsed(() => parseLabelSelector(query.labelSelector));
  const fields = parsed(() => parseFieldSelector(query.fieldSelector));
  return predicateOf(strategy, labels, fields, query.name);
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof SelectorError) throw errors.badRequest(error.message);
    throw error;
  }
}

function predicateOf(
  strategy: FieldReaders,
  labels: Selector,
  fields: FieldSelector,
  onlyName: string | undefined,
): SelectionPredicate {
  const readers = fields.requirements.map((requirement) => ({
    field: requirement.field,
    read: readerOf(strategy, requirement.field),
    wanted: requirement.operator === "=",
    value: requirement.value,
  }));
  if (onlyName !== undefined)
    readers.push({ field: "metadata.name", read: nameOf, wanted: true, value: onlyName });
  const selectsLabels = !labels.empty;
  const matches = (object: KubeObject): boolean => {
    if (selectsLabels && !labels.matches(object.metadata.labels)) return false;
    for (const { read, wanted, value } of readers) if ((read(object) === value) !== wanted) return false;
    return true;
  };
  const matchesAttributes = ({ labels: present, indexed }: Attributes): boolean | undefined => {
    if (selectsLabels && !labels.matches(present)) return false;
    let decided: true | undefined = true;
    for (const { field, wanted, value } of readers) {
      if (!Object.hasOwn(indexed, field)) decided = undefined;
      else if ((indexed[field] === value) !== wanted) return false;
    }
    return decided;
  };
  const name = onlyName ?? fields.exactMatch("metadata.name");
  const index = indexOf(strategy, fields);
  return {
    matches,
    matchesAttributes,
    empty: !selectsLabels && readers.length === 0,
    ...(name === undefined ? {} : { name }),
    ...(index === undefined ? {} : { index }),
  };
}

function indexOf(
  strategy: FieldReaders,
  fields: FieldSelector,
): { field: string; value: string } | undefined {
  for (const field of strategy.indexedFields ?? []) {
    const value = fields.exactMatch(field);
    if (value !== undefined) return { field, value };
  }
  return undefined;
}

const nameOf = (object: KubeObject): string => object.metadata.name ?? "";
const namespaceOf = (object: KubeObject): string => object.metadata.namespace ?? "";

function readerOf(strategy: FieldReaders, field: string): (object: KubeObject) => string {
  if (field === "metadata.name") return nameOf;
  const selectable = strategy.selectableFields;
  // Kinds that tell their fields themselves have a namespace only where there is one.
  if (field === "metadata.namespace" && (strategy.namespaced || selectable === undefined)) return namespaceOf;
  if (selectable !== undefined && Object.hasOwn(selectable, field)) {
    return selectable[field] as (object: KubeObject) => string;
  }
  if (selectable !== undefined) {
    throw errors.badRequest(strategy.unknownFieldText?.(field) ?? `field label not supported: ${field}`);
  }
  throw errors.badRequest(
    `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  );
}

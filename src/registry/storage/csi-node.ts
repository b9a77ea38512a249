import {
  deepEqual,
  type FieldError,
  field,
  type KubeObject,
  qualifiedNameErrors,
} from "../../apimachinery/index.ts";
import { internalForm } from "../../schema/index.ts";
import { validateDriverName } from "../core/volume/driver-rules.ts";
import { complaints, fieldIsImmutable, nonNegative } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";

/** storage.k8s.io/v1 CSINode: the storage drivers on a node. */
interface CsiNode extends KubeObject {
  spec: { drivers?: NodeDriver[] | null };
}

interface NodeDriver {
  name?: string;
  nodeID?: string;
  topologyKeys?: string[] | null;
  allocatable?: { count?: number };
}

const nodeIdBytesMax = 256;

export const csiNodeStrategy: Strategy<CsiNode> = {
  namespaced: false,
  metadataOnUpdate: ["object", "object"],
  returnDeletedObject: true,
  allowUnconditionalUpdate: false,
  validate: ({ spec }) => validateDrivers(spec.drivers ?? []),
  // Twice, as upstream.
  validateUpdate: (next, old) => [
    ...validateDrivers(next.spec.drivers ?? []),
    ...validateDrivers(next.spec.drivers ?? []),
    ...validateSameDrivers(next.spec.drivers ?? [], old.spec.drivers ?? []),
  ],
  tableRow: (node, now) => [nameOf(node), node.spec.drivers?.length ?? 0, age(node, now)],
};

function validateDrivers(drivers: readonly NodeDriver[]): FieldError[] {
  const names = new Set<string>();
  return drivers.flatMap((driver, i) => {
    const path = `spec.drivers[${i}]`;
    const { name = "" } = driver;
    const errors = [
      ...validateDriverName(name, `${path}.name`),
      ...validateNodeId(driver.nodeID ?? "", `${path}.nodeID`),
      ...nonNegative(`${path}.allocatable.count`, driver.allocatable?.count),
    ];
    if (names.has(name)) errors.push(field.duplicate(`${path}.name`, name));
    names.add(name);
    return [...errors, ...validateKeys(driver.topologyKeys ?? [], path)];
  });
}

function validateNodeId(id: string, path: string): FieldError[] {
  if (id === "") return [field.required(path, "")];
  if (Buffer.byteLength(id) <= nodeIdBytesMax) return [];
  return [field.invalid(path, id, `must be ${nodeIdBytesMax} characters or less`)];
}

function validateKeys(keys: readonly string[], path: string): FieldError[] {
  return keys.flatMap((key, i) => {
    const errors: FieldError[] = [];
    if (key === "") errors.push(field.required(path, ""));
    if (keys.indexOf(key) < i) errors.push(field.duplicate(path, key));
    return [...errors, ...complaints(path, key, qualifiedNameErrors(key))];
  });
}

/** All but how many volumes a node takes stays as it is. */
function validateSameDrivers(next: readonly NodeDriver[], old: readonly NodeDriver[]): FieldError[] {
  const withoutCount = ({ allocatable: _, ...rest }: NodeDriver): NodeDriver => rest;
  return old.flatMap((before) =>
    next
      .filter(({ name }) => name === before.name)
      .filter((after) => !deepEqual(withoutCount(after), withoutCount(before)))
      .map((after) =>
        field.invalid("spec.drivers", internalForm("CSINodeDriver", withoutCount(after)), fieldIsImmutable),
      ),
  );
}

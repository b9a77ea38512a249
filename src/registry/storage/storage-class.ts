import { type FieldError, field, type KubeObject, validateLabelKey } from "../../apimachinery/index.ts";
import { immutable } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";
import { fixed, validateParameters, validateProvisioner } from "./class-rules.ts";

interface StorageClass extends KubeObject {
  provisioner?: string;
  parameters?: Record<string, string>;
  reclaimPolicy?: string;
  volumeBindingMode?: string;
  allowVolumeExpansion?: boolean;
  allowedTopologies?: TopologyTerm[];
}

interface TopologyTerm {
  matchLabelExpressions?: { key: string; values?: string[] | null }[];
}

const defaultAnnotations = [
  "storageclass.kubernetes.io/is-default-class",
  "storageclass.beta.kubernetes.io/is-default-class",
];

/** How volumes of a class are made; all that counts for a volume is fixed once the class is there. */
export const storageClassStrategy: Strategy<StorageClass> = {
  namespaced: false,
  metadataOnUpdate: ["object", "changes"],
  returnDeletedObject: true,
  validate: validateClass,
  validateUpdate: (next, old) => [
    ...validateClass(next),
    ...fixed("parameters", next.parameters ?? {}, old.parameters ?? {}),
    ...fixed("provisioner", next.provisioner, old.provisioner),
    ...fixed("reclaimPolicy", next.reclaimPolicy, old.reclaimPolicy),
    ...immutable("volumeBindingMode", next.volumeBindingMode, old.volumeBindingMode),
  ],
  tableRow: (storageClass, now) => [
    nameOf(storageClass) + (isDefault(storageClass) ? " (default)" : ""),
    storageClass.provisioner ?? "",
    storageClass.reclaimPolicy ?? "Delete",
    storageClass.volumeBindingMode ?? "<unset>",
    storageClass.allowVolumeExpansion ?? false,
    age(storageClass, now),
  ],
};

function validateClass(storageClass: StorageClass): FieldError[] {
  return [
    ...validateProvisioner(storageClass.provisioner ?? "", "provisioner"),
    ...validateParameters(storageClass.parameters ?? {}, { mayBeEmpty: true }),
    ...known("reclaimPolicy", storageClass.reclaimPolicy || "Delete", ["Delete", "Retain"]),
    ...validateBinding(storageClass.volumeBindingMode),
    ...validateTopologies(storageClass.allowedTopologies ?? []),
  ];
}

const known = (path: string, value: string, supported: readonly string[]): FieldError[] =>
  supported.includes(value) ? [] : [field.notSupported(path, value, supported)];

function validateBinding(mode: string | undefined): FieldError[] {
  if (mode === undefined) return [field.required("volumeBindingMode", "")];
  return known("volumeBindingMode", mode, ["Immediate", "WaitForFirstConsumer"]);
}

function isDefault({ metadata: { annotations } }: StorageClass): boolean {
  return defaultAnnotations.some((name) => annotations?.[name] === "true");
}

/**
 * Terms that say the same twice are refused, in whatever order they say it, and so is one that says nothing: upstream compares with as
 * many empty terms as there are terms, besides those before.
 */
function validateTopologies(terms: readonly TopologyTerm[]): FieldError[] {
  const errors: FieldError[] = [];
  const said = terms.map(() => JSON.stringify([]));
  terms.forEach(({ matchLabelExpressions = [] }, i) => {
    const path = `allowedTopologies[${i}].matchLabelExpressions`;
    const valuesByKey = new Map<string, string[]>();
    matchLabelExpressions.forEach(({ key, values }, j) => {
      const at = `${path}[${j}]`;
      errors.push(...validateTopologyValues(values ?? [], `${at}.values`));
      errors.push(...validateLabelKey(key, `${at}.key`));
      if (valuesByKey.has(key)) errors.push(field.duplicate(`${at}.key`, key));
      valuesByKey.set(key, [...(values ?? [])].sort());
    });
    const meaning = JSON.stringify([...valuesByKey].sort(([a], [b]) => (a < b ? -1 : 1)));
    for (const other of said) if (other === meaning) errors.push(field.duplicate(path, ""));
    said.push(meaning);
  });
  return errors;
}

function validateTopologyValues(values: readonly string[], path: string): FieldError[] {
  if (values.length === 0) return [field.required(path, "")];
  return values.flatMap((value, i) =>
    values.indexOf(value) < i ? [field.duplicate(`${path}[${i}]`, value)] : [],
  );
}

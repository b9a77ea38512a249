import {
  deepEqual,
  type FieldError,
  field,
  type KubeObject,
  qualifiedNameErrors,
  validateLabelKey,
} from "../../apimachinery/index.ts";
import { complaints, immutable, oneOf } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";

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

const parametersMax = 512;
const parameterBytesMax = 256 * 1024;
const defaultAnnotations = [
  "storageclass.kubernetes.io/is-default-class",
  "storageclass.beta.kubernetes.io/is-default-class",
];

/** How volumes of a class are made; all that counts for a volume is fixed once the class is there. */
export const storageClassStrategy: Strategy<StorageClass> = {
  namespaced: false,
  returnDeletedObject: true,
  validate: (storageClass) => [
    ...validateProvisioner(storageClass.provisioner ?? ""),
    ...validateParameters(storageClass.parameters ?? {}),
    ...oneOf("reclaimPolicy", storageClass.reclaimPolicy, ["Delete", "Retain"]),
    ...oneOf("volumeBindingMode", storageClass.volumeBindingMode, ["Immediate", "WaitForFirstConsumer"]),
    ...validateTopologies(storageClass.allowedTopologies ?? []),
  ],
  validateUpdate: (next, old) => [
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

function isDefault({ metadata: { annotations } }: StorageClass): boolean {
  return defaultAnnotations.some((name) => annotations?.[name] === "true");
}

function fixed(name: string, next: unknown, old: unknown): FieldError[] {
  return deepEqual(next, old) ? [] : [field.forbidden(name, `updates to ${name} are forbidden.`)];
}

function validateProvisioner(provisioner: string): FieldError[] {
  if (provisioner === "") return [field.required("provisioner", "")];
  return complaints("provisioner", provisioner, qualifiedNameErrors(provisioner.toLowerCase()));
}

function validateParameters(parameters: Record<string, string>): FieldError[] {
  const entries = Object.entries(parameters);
  if (entries.length > parametersMax) return [field.tooLong("parameters", parametersMax)];
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of entries) {
    if (key === "") errors.push(field.invalid("parameters", key, "field can not be empty."));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > parameterBytesMax) errors.push(field.tooLong("parameters", parameterBytesMax));
  return errors;
}

/** Terms that say the same twice are refused, in whatever order they say it. */
function validateTopologies(terms: readonly TopologyTerm[]): FieldError[] {
  const errors: FieldError[] = [];
  const said = new Set<string>();
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
    if (said.has(meaning)) errors.push(field.duplicate(path, ""));
    said.add(meaning);
  });
  return errors;
}

function validateTopologyValues(values: readonly string[], path: string): FieldError[] {
  if (values.length === 0) return [field.required(path, "")];
  return values.flatMap((value, i) =>
    values.indexOf(value) < i ? [field.duplicate(`${path}[${i}]`, value)] : [],
  );
}

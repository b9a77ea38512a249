import {
  compareQuantities,
  deepEqual,
  type FieldError,
  field,
  type KubeObject,
  parseQuantity,
  qualifiedNameErrors,
  quantityValue,
} from "../../../apimachinery/index.ts";
import { changesOf } from "../../rules/changes.ts";
import { complaints, fieldIsImmutable, immutable } from "../../rules/values.ts";
import type { Strategy } from "../../strategy.ts";
import { age, nameOf } from "../../tables/cells.ts";
import { accessModesCell } from "./access.ts";
import {
  type Amounts,
  type DataSource,
  type PersistentVolumeClaimSpec,
  validateClaimSpec,
} from "./claim-spec.ts";
import { claimWarnings } from "./claim-warnings.ts";
import { classAnnotation } from "./persistent-volume.ts";

/** core/v1 PersistentVolumeClaim: somebody's wish for storage. */
export interface PersistentVolumeClaim extends KubeObject {
  spec: PersistentVolumeClaimSpec;
  status?: PersistentVolumeClaimStatus;
}

interface PersistentVolumeClaimStatus {
  phase?: string;
  accessModes?: string[];
  capacity?: Amounts;
  allocatedResources?: Amounts;
  allocatedResourceStatuses?: Record<string, string>;
  currentVolumeAttributesClassName?: string;
}

const pending: PersistentVolumeClaimStatus = { phase: "Pending" };
const resizeStates = [
  "ControllerResizeInProgress",
  "ControllerResizeInfeasible",
  "NodeResizePending",
  "NodeResizeInProgress",
  "NodeResizeInfeasible",
].sort();

export const persistentVolumeClaimStrategy: Strategy<PersistentVolumeClaim> = {
  namespaced: true,
  metadataOnUpdate: ["changes", "object"],
  returnDeletedObject: true,
  prepareForCreate: (claim) => {
    claim.status = pending;
    if (claim.spec.dataSourceRef === undefined && !isKnownSource(claim.spec.dataSource))
      delete claim.spec.dataSource;
    pairSources(claim.spec);
    return claim;
  },
  prepareForUpdate: (next, old) => {
    next.status = old.status ?? pending;
    const { dataSource, dataSourceRef } = old.spec;
    const had = dataSource !== undefined || dataSourceRef !== undefined;
    if (!had && next.spec.dataSourceRef === undefined && !isKnownSource(next.spec.dataSource))
      delete next.spec.dataSource;
    pairSources(next.spec);
    return next;
  },
  validate: ({ spec }) => validateClaimSpec(spec, "spec"),
  validateUpdate: (next, old) => [
    ...validateClaimSpec(next.spec, "spec", old.spec),
    ...validateSameClassAnnotation(next, old),
    ...validateSameSpec(next, old),
    ...validateSize(next, old),
    ...immutable("volumeMode", next.spec.volumeMode, old.spec.volumeMode),
    ...validateKeepsClass(next, old),
  ],
  warnings,
  warningsOnUpdate: warnings,
  resetFields: [["status"]],
  status: {
    prepareForUpdate: (next, old) => {
      next.spec = old.spec;
      return next;
    },
    validateUpdate: ({ status }) => validateStatus(status ?? {}),
    resetFields: [["spec"]],
  },
  tableRow: (claim, now) => {
    const { metadata, spec, status = {} } = claim;
    const isBound = (spec.volumeName ?? "") !== "";
    return [
      nameOf(claim),
      metadata.deletionTimestamp === undefined ? (status.phase ?? "") : "Terminating",
      spec.volumeName ?? "",
      isBound ? (status.capacity?.["storage"] ?? "0") : "",
      isBound ? accessModesCell(status.accessModes) : "",
      metadata.annotations?.[classAnnotation] ?? spec.storageClassName ?? "",
      spec.volumeAttributesClassName ?? "<unset>",
      age(claim, now),
      spec.volumeMode ?? "<unset>",
    ];
  },
};

/** Other sources in the old field were always ignored. */
function isKnownSource(source: DataSource | undefined): boolean {
  const { apiGroup, kind } = source ?? {};
  return !apiGroup
    ? kind === "PersistentVolumeClaim"
    : apiGroup === "snapshot.storage.k8s.io" && kind === "VolumeSnapshot";
}

/** The same source stands in both fields, whichever of them the client knows. Sources of other namespaces are an alpha feature. */
function pairSources(spec: PersistentVolumeClaimSpec): void {
  if (spec.dataSourceRef?.namespace) delete spec.dataSourceRef;
  const { dataSource, dataSourceRef } = spec;
  if (dataSource !== undefined) spec.dataSourceRef ??= { ...dataSource };
  else if (dataSourceRef !== undefined) spec.dataSource = { ...dataSourceRef };
}

/** The class may move from the old annotation into its field, and be said where it was not. */
function takesClassFromAnnotation(next: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
  const before = old.metadata.annotations?.[classAnnotation];
  const after = next.metadata.annotations?.[classAnnotation];
  return (
    before !== undefined &&
    old.spec.storageClassName === undefined &&
    next.spec.storageClassName === before &&
    (after === undefined || after === before)
  );
}

function validateSameClassAnnotation(next: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const before = old.metadata.annotations?.[classAnnotation] ?? "";
  const after = next.metadata.annotations?.[classAnnotation] ?? "";
  if (before === after || takesClassFromAnnotation(next, old)) return [];
  return [field.invalid(`metadata.annotations[${classAnnotation}]`, after, fieldIsImmutable)];
}

/** What a claim asks for stays, but for the size and the class of a volume that is there. */
function validateSameSpec(next: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const { volumeName } = next.spec;
  // The volume may be said once.
  const isFree = (old.spec.volumeName ?? "") === "" && volumeName !== undefined;
  const before: PersistentVolumeClaimSpec = isFree ? { ...old.spec, volumeName } : old.spec;
  const after: PersistentVolumeClaimSpec = { ...next.spec };
  const keep = <K extends keyof PersistentVolumeClaimSpec>(name: K): void => {
    if (before[name] === undefined) delete after[name];
    else after[name] = before[name];
  };
  const said = old.metadata.annotations?.[classAnnotation];
  const newClass = next.spec.storageClassName;
  const classIsNew = before.storageClassName === undefined && newClass !== undefined;
  if (classIsNew && (said === undefined || said === newClass)) keep("storageClassName");
  if (next.status?.phase === "Bound") {
    keep("volumeAttributesClassName");
    const storage = before.resources?.requests?.["storage"];
    if (after.resources?.requests !== undefined && storage !== undefined)
      after.resources = { ...after.resources, requests: { ...after.resources.requests, storage } };
  }
  if (deepEqual(after, before)) return [];
  const rule =
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
  return [field.forbidden("spec", `${rule}\n${changesOf("PersistentVolumeClaimSpec", after, before)}`)];
}

function validateSize(next: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const size = parseQuantity(next.spec.resources?.requests?.["storage"] ?? "0");
  const before = parseQuantity(old.spec.resources?.requests?.["storage"] ?? "0");
  if (compareQuantities(size, before) >= 0) return [];
  const there = parseQuantity(old.status?.capacity?.["storage"] ?? "0");
  if (compareQuantities(size, there) > 0) return [];
  return [field.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")];
}

function validateKeepsClass(next: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const after = next.spec.volumeAttributesClassName;
  const hasClass = old.status?.currentVolumeAttributesClassName !== undefined;
  if (!hasClass || after === old.spec.volumeAttributesClassName) return [];
  if (after !== undefined && after !== "") return [];
  const to = after === undefined ? "nil" : "empty string";
  const rule = `update to ${to} is forbidden when status.currentVolumeAttributesClassName is not nil`;
  return [field.forbidden("spec.volumeAttributesClassName", rule)];
}

function validateStatus(status: PersistentVolumeClaimStatus): FieldError[] {
  const errors = Object.entries(status.capacity ?? {}).flatMap(([name, amount]) =>
    validateBasic(amount, `status.capacity[${name}]`),
  );
  const states = "status.allocatedResourceStatuses";
  for (const [name, state] of Object.entries(status.allocatedResourceStatuses ?? {})) {
    errors.push(...validateKey(name, states));
    if (!resizeStates.includes(state)) errors.push(field.notSupported(states, name, resizeStates));
  }
  const allocated = "status.allocatedResources";
  for (const [name, amount] of Object.entries(status.allocatedResources ?? {})) {
    const problems = validateKey(name, allocated);
    errors.push(...(problems.length > 0 ? problems : validateBasic(amount, `${allocated}[${name}]`)));
  }
  return errors;
}

function validateKey(name: string, path: string): FieldError[] {
  const malformed = complaints(path, name, qualifiedNameErrors(name));
  if (malformed.length > 0 || name === "storage") return malformed;
  const isNative = !name.includes("/") || name.includes("kubernetes.io/");
  return isNative ? [field.notSupported(path, name, ["storage"])] : [];
}

function validateBasic(amount: string, path: string): FieldError[] {
  const value = quantityValue(parseQuantity(amount));
  return value < 0n ? [field.invalid(path, Number(value), "must be a valid resource quantity")] : [];
}

function warnings({ metadata, spec }: PersistentVolumeClaim): string[] {
  const found: string[] = [];
  if (metadata.annotations?.[classAnnotation] !== undefined) {
    const text = 'deprecated since v1.8; use "storageClassName" attribute instead';
    found.push(`metadata.annotations[${classAnnotation}]: ${text}`);
  }
  return [...found, ...claimWarnings(spec, "spec")];
}

import {
  deepEqual,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  type LabelSelector,
  type ObjectMeta,
  parseQuantity,
  validateLabelSelector,
} from "../../../apimachinery/index.ts";
import { complaints } from "../../rules/values.ts";
import { validateAccessModes, volumeModes } from "./access.ts";

export type Amounts = Record<string, string>;

/** What somebody wishes of a volume: in a claim, and in the templates that claims are made from. */
export interface PersistentVolumeClaimSpec {
  accessModes?: string[] | null;
  selector?: LabelSelector | null;
  resources?: { requests?: Amounts; limits?: Amounts };
  volumeName?: string;
  storageClassName?: string;
  volumeMode?: string;
  dataSource?: DataSource;
  dataSourceRef?: DataSource & { namespace?: string };
  volumeAttributesClassName?: string;
}

export interface DataSource {
  /** Go writes the group of core kinds as null. */
  apiGroup?: string | null;
  kind?: string;
  name?: string;
}

/** A claim that is made with what it is for: a pod, or each pod of a StatefulSet. */
export interface ClaimTemplate {
  metadata?: ObjectMeta;
  spec?: PersistentVolumeClaimSpec;
}

/** `old`: what the claim was before, which may have been let through by rules that are no more. */
export function validateClaimSpec(
  spec: PersistentVolumeClaimSpec,
  path: string,
  old?: PersistentVolumeClaimSpec,
): FieldError[] {
  const { storageClassName = "", volumeMode, volumeAttributesClassName = "" } = spec;
  const errors: FieldError[] = [];
  const modes = validateAccessModes(
    spec.accessModes,
    `${path}.accessModes`,
    "at least 1 access mode is required",
  );
  const isMissing = (spec.accessModes?.length ?? 0) === 0;
  if (isMissing) errors.push(...modes);
  if (spec.selector) errors.push(...validateLabelSelector(spec.selector, `${path}.selector`));
  if (!isMissing) errors.push(...modes);
  errors.push(...validateRequest(spec.resources?.requests?.["storage"], `${path}.resources[storage]`));
  if (storageClassName !== "")
    errors.push(
      ...complaints(`${path}.storageClassName`, storageClassName, dns1123SubdomainErrors(storageClassName)),
    );
  if (volumeMode !== undefined && !volumeModes.includes(volumeMode))
    errors.push(field.notSupported(`${path}.volumeMode`, volumeMode, volumeModes));
  errors.push(...validateSources(spec, path, old));
  if (volumeAttributesClassName !== "") {
    const at = `${path}.volumeAttributesClassName`;
    errors.push(
      ...complaints(at, volumeAttributesClassName, dns1123SubdomainErrors(volumeAttributesClassName)),
    );
  }
  return errors;
}

function validateRequest(amount: string | undefined, path: string): FieldError[] {
  if (amount === undefined) return [field.required(path, "")];
  return parseQuantity(amount).nano > 0n ? [] : [field.invalid(path, amount, "must be greater than zero")];
}

function validateSources(
  { dataSource, dataSourceRef }: PersistentVolumeClaimSpec,
  path: string,
  old: PersistentVolumeClaimSpec | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const anyGroup = (old?.dataSource?.apiGroup ?? old?.dataSourceRef?.apiGroup ?? undefined) !== undefined;
  const check = (source: DataSource, name: string) =>
    errors.push(...validateSource(source, `${path}.${name}`, { anyGroup }));
  if (dataSource !== undefined) check(dataSource, "dataSource");
  if (dataSourceRef === undefined) return errors;
  check(dataSourceRef, "dataSourceRef");
  // Upstream shows the path where the value should stand, and a path prints as an empty object.
  if (dataSource !== undefined && !deepEqual(dataSource, dataSourceRef))
    errors.push(field.invalid(path, {}, "must match dataSourceRef"));
  return errors;
}

function validateSource(
  { apiGroup: group, kind = "", name = "" }: DataSource,
  path: string,
  { anyGroup }: { readonly anyGroup: boolean },
): FieldError[] {
  const apiGroup = group ?? "";
  const errors: FieldError[] = [];
  if (name === "") errors.push(field.required(`${path}.name`, ""));
  if (kind === "") errors.push(field.required(`${path}.kind`, ""));
  if (apiGroup === "" && kind !== "PersistentVolumeClaim") {
    const rule = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
    errors.push(field.invalid(path, kind, rule));
  }
  if (apiGroup !== "" && !anyGroup)
    errors.push(...complaints(`${path}.apiGroup`, apiGroup, dns1123SubdomainErrors(apiGroup)));
  return errors;
}

import { quoteGo } from "../field.ts";
import type { JsonObject, ManagedFieldsEntry } from "../object.ts";
import { FieldSet } from "./field-set.ts";

/** One manager's claim. */
export interface ManagedSet {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly set: FieldSet;
}

/** Claims by identity: an applier is the same whatever version it speaks. */
export type Managers = ReadonlyMap<string, ManagedSet>;

export function managerKey(claim: Omit<ManagedSet, "set" | "time">): string {
  const version = claim.operation === "Apply" ? "" : claim.apiVersion;
  return JSON.stringify([claim.manager, claim.operation, version, claim.subresource]);
}

/** Entries that were decoded before. */
interface DecodedBefore {
  readonly entries: readonly ManagedFieldsEntry[] | undefined;
  readonly managers: Managers;
}

/** Undefined where an entry cannot be read. Claims that are those of `before` are not read again. */
export function decodeManagers(
  entries: readonly ManagedFieldsEntry[] | undefined,
  before?: DecodedBefore,
): Managers | undefined {
  const managers = new Map<string, ManagedSet>();
  for (const entry of entries ?? []) {
    if (entry.operation !== "Apply" && entry.operation !== "Update") return undefined;
    if ((entry.apiVersion ?? "") === "" || (entry.fieldsType ?? "FieldsV1") !== "FieldsV1") return undefined;
    const set = setBefore(entry, before) ?? FieldSet.fromFieldsV1(entry.fieldsV1 ?? {});
    if (set === undefined) return undefined;
    const claim: ManagedSet = {
      manager: entry.manager ?? "",
      operation: entry.operation,
      apiVersion: entry.apiVersion as string,
      subresource: entry.subresource ?? "",
      time: entry.time,
      set,
    };
    managers.set(managerKey(claim), claim);
  }
  return managers;
}

/** The set of the very same fields, where they are known by the same name. */
function setBefore(entry: ManagedFieldsEntry, before: DecodedBefore | undefined): FieldSet | undefined {
  const known = before?.entries?.find(
    ({ fieldsV1 }) => fieldsV1 !== undefined && fieldsV1 === entry.fieldsV1,
  );
  return known && before?.managers.get(keyOfEntry(known))?.set;
}

function keyOfEntry(entry: ManagedFieldsEntry): string {
  const { manager = "", operation = "Update", apiVersion = "", subresource = "" } = entry;
  return managerKey({ manager, operation, apiVersion, subresource });
}

/** Appliers first, then the earlier, then by name. */
export function encodeManagers(managers: Managers): ManagedFieldsEntry[] {
  return [...managers.values()].sort(compareClaims).map(encodeManager);
}

function compareClaims(a: ManagedSet, b: ManagedSet): number {
  return (
    compareTexts(a.operation, b.operation) ||
    compareTexts(a.time ?? "", b.time ?? "") ||
    compareTexts(a.manager, b.manager) ||
    compareTexts(a.apiVersion, b.apiVersion) ||
    compareTexts(a.subresource, b.subresource)
  );
}

function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function encodeManager(claim: ManagedSet): ManagedFieldsEntry {
  return {
    ...(claim.manager === "" ? {} : { manager: claim.manager }),
    operation: claim.operation,
    apiVersion: claim.apiVersion,
    ...(claim.time === undefined ? {} : { time: claim.time }),
    fieldsType: "FieldsV1",
    fieldsV1: claim.set.toFieldsV1() as JsonObject,
    ...(claim.subresource === "" ? {} : { subresource: claim.subresource }),
  };
}

/** A manager as conflicts name it. */
export function printManager(claim: ManagedSet): string {
  const name = quoteGo(claim.manager);
  const full = claim.subresource === "" ? name : `${name} with subresource ${quoteGo(claim.subresource)}`;
  return claim.operation === "Update" ? `${full} using ${claim.apiVersion}` : full;
}

import type { ManagedFieldsEntry } from "../object.ts";
import { FieldSet } from "./field-set.ts";
import { decodeManagers, encodeManagers, type ManagedSet } from "./managers.ts";

/**
 * Who owns the number of replicas, seen through the Scale that shows nothing else of an object: what the object's managers are in the
 * Scale, and what the Scale's become in the object. Upstream's ScaleHandler in k8s.io/apimachinery.
 */

const scaleVersion = "autoscaling/v1";
const replicasOfScale = FieldSet.of(["f:spec", "f:replicas"]);

/** Where the number stands in the object, such as `.spec.replicas`. */
const setAt = (path: string): FieldSet =>
  FieldSet.of(
    path
      .split(".")
      .slice(1)
      .map((name) => `f:${name}`),
  );

const holds = (set: FieldSet, part: FieldSet): boolean => part.difference(set).isEmpty;

/** The managers of the object's `path`, as those of the Scale's number. */
export function managersInScale(
  entries: readonly ManagedFieldsEntry[] | undefined,
  path: string,
): ManagedFieldsEntry[] {
  const replicas = setAt(path);
  const owners = [...(decodeManagers(entries) ?? [])].filter(([, { set }]) => holds(set, replicas));
  return encodeManagers(
    new Map(
      owners.map(([key, claim]) => [key, { ...claim, apiVersion: scaleVersion, set: replicasOfScale }]),
    ),
  );
}

/** The object's managers once the Scale has these: who has lost the number there loses it here, and who has got it there gets it. */
export function managersOfScaled(
  entries: readonly ManagedFieldsEntry[] | undefined,
  scaleEntries: readonly ManagedFieldsEntry[] | undefined,
  { path, apiVersion }: { readonly path: string; readonly apiVersion: string },
): ManagedFieldsEntry[] {
  const replicas = setAt(path);
  const before = decodeManagers(entries) ?? new Map<string, ManagedSet>();
  const inScale = new Map(decodeManagers(scaleEntries));
  const managers: [string, ManagedSet][] = [];
  for (const [key, claim] of before) {
    // An applier is the same in both; an updater goes by its version, too, and so comes anew from the Scale.
    if (!holds(claim.set, replicas) || inScale.delete(key)) managers.push([key, claim]);
    else {
      const set = claim.set.difference(replicas);
      if (!set.isEmpty) managers.push([key, { ...claim, set }]);
    }
  }
  for (const [key, claim] of inScale) {
    if (!holds(claim.set, replicasOfScale)) continue;
    managers.push([key, { ...claim, apiVersion, set: replicas, time: before.get(key)?.time }]);
  }
  return encodeManagers(new Map(managers));
}

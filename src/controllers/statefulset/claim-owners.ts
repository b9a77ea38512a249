/**
 * Who takes a claim with it when it goes, as `persistentVolumeClaimRetentionPolicy` says: the set (whenDeleted), a pod that was scaled
 * away (whenScaled), nobody. Pure; k8s.io/kubernetes/pkg/controller/statefulset/stateful_set_utils.go.
 */
import type { KubeObject, OwnerReference } from "../../apimachinery/index.ts";
import { controllerReference } from "../owners.ts";

export interface ClaimParties {
  readonly claim: KubeObject;
  readonly set: KubeObject;
  readonly pod: KubeObject;
  /** The pod is not one of the ordinals that the set wants any more. */
  readonly scaledDown: boolean;
}

interface RetentionPolicy {
  readonly whenDeleted?: "Retain" | "Delete";
  readonly whenScaled?: "Retain" | "Delete";
}

export function retentionOf(set: KubeObject): RetentionPolicy {
  return set.spec.persistentVolumeClaimRetentionPolicy ?? {};
}

/** A reference to one of the same name that has gone: the claim is about to follow it. */
export function hasStaleOwner(claim: KubeObject, owner: KubeObject, kind: "StatefulSet" | "Pod"): boolean {
  const reference = ownersOf(claim).find((one) => names(one, owner, kind));
  return reference !== undefined && reference.uid !== owner.metadata.uid;
}

/** Somebody else manages the claim, though the set's policy would. */
export function hasOtherController({ claim, set, pod }: ClaimParties): boolean {
  const { whenDeleted, whenScaled } = retentionOf(set);
  if (whenDeleted !== "Delete" && whenScaled !== "Delete") return false;
  return ownersOf(claim).some((reference) => {
    if (names(reference, set, "StatefulSet")) return reference.uid !== set.metadata.uid;
    if (names(reference, pod, "Pod")) return reference.uid !== pod.metadata.uid;
    return reference.controller === true;
  });
}

/** The owners that the claim is to have; undefined where they are as they should be, or not to be touched. */
export function correctedOwners(parties: ClaimParties): OwnerReference[] | undefined {
  const { claim, set, pod, scaledDown } = parties;
  if (hasStaleOwner(claim, set, "StatefulSet") || hasStaleOwner(claim, pod, "Pod")) return undefined;
  const present = ownersOf(claim);
  const ours = (reference: OwnerReference): boolean =>
    names(reference, set, "StatefulSet") || names(reference, pod, "Pod");
  const others = present.filter((reference) => !ours(reference));
  if (hasOtherController(parties)) return others.length === present.length ? undefined : others;
  const { whenDeleted, whenScaled } = retentionOf(set);
  const followsPod = whenScaled === "Delete" && scaledDown;
  const followsSet = whenDeleted === "Delete" && !followsPod;
  const wanted = [
    ...others,
    ...(followsPod ? [controllerReference(pod, "v1", "Pod")] : []),
    ...(followsSet ? [controllerReference(set, "apps/v1", "StatefulSet")] : []),
  ];
  const own = present.filter(ours);
  const same =
    present.length === wanted.length &&
    own.every(({ uid, controller }) => controller === true && wanted.some((one) => one.uid === uid));
  return same ? undefined : wanted;
}

function ownersOf(claim: KubeObject): readonly OwnerReference[] {
  return claim.metadata.ownerReferences ?? [];
}

function names(reference: OwnerReference, owner: KubeObject, kind: "StatefulSet" | "Pod"): boolean {
  const apiVersion = kind === "Pod" ? "v1" : "apps/v1";
  return (
    reference.apiVersion === apiVersion && reference.kind === kind && reference.name === owner.metadata.name
  );
}

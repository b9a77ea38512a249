import type { KubeObject } from "../../apimachinery/index.ts";
import { controllerOf } from "../owners.ts";
import type { Claim } from "./types.ts";

export interface PodClaim {
  readonly name: string;
  readonly resourceClaimName?: string;
  readonly resourceClaimTemplateName?: string;
}

export function podClaimsOf(pod: KubeObject): readonly PodClaim[] {
  return (pod.spec?.resourceClaims ?? []) as PodClaim[];
}

interface NamedClaim {
  readonly name: string;
  /** It was made for the pod, and has to be its own. */
  readonly isGenerated: boolean;
}

/** The claim that stands for one of the pod's; "none": it needs none; undefined: it has not been made yet. */
export function claimNameOf(pod: KubeObject, podClaim: PodClaim): NamedClaim | "none" | undefined {
  if (podClaim.resourceClaimName !== undefined) {
    return { name: podClaim.resourceClaimName, isGenerated: false };
  }
  const statuses = (pod.status?.resourceClaimStatuses ?? []) as {
    name: string;
    resourceClaimName?: string;
  }[];
  const status = statuses.find(({ name }) => name === podClaim.name);
  if (status === undefined) return undefined;
  return status.resourceClaimName === undefined
    ? "none"
    : { name: status.resourceClaimName, isGenerated: true };
}

export function isMadeFor(claim: Claim, pod: KubeObject): boolean {
  return controllerOf(claim)?.uid === pod.metadata.uid;
}

export function isReservedFor(claim: Claim, pod: KubeObject): boolean {
  return claim.status?.reservedFor?.some(({ uid }) => uid === pod.metadata.uid) === true;
}

/** Keeps a claim while devices are allocated for it. */
export const allocationFinalizer = "resource.kubernetes.io/delete-protection";

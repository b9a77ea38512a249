import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { deviceClassStrategy } from "./device-class.ts";
import { resourceClaimStrategy, resourceClaimTemplateStrategy } from "./resource-claim.ts";
import { resourceSliceStrategy } from "./resource-slice.ts";

/** resource.k8s.io/v1: devices, and claims on them. Kept for those who allocate devices; nothing here does. */
export const resourceV1: ServedVersion = {
  group: "resource.k8s.io",
  version: "v1",
  resources: {
    deviceclasses: ofAnyKind(deviceClassStrategy),
    resourceclaims: resourceClaimStrategy,
    resourceclaimtemplates: resourceClaimTemplateStrategy,
    resourceslices: ofAnyKind(resourceSliceStrategy),
  },
};

import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { leaseStrategy } from "./lease.ts";

/** coordination.k8s.io/v1. */
export const coordinationV1: ServedVersion = {
  group: "coordination.k8s.io",
  version: "v1",
  resources: { leases: ofAnyKind(leaseStrategy) },
};

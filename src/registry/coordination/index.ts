import type { ServedVersion } from "../strategies.ts";
import type { Strategy } from "../strategy.ts";
import { leaseStrategy } from "./lease.ts";

/** coordination.k8s.io/v1. */
export const coordinationV1: ServedVersion = {
  group: "coordination.k8s.io",
  version: "v1",
  resources: { leases: leaseStrategy as Strategy },
};

import type { ServedVersion } from "../strategies.ts";

/** coordination.k8s.io/v1. */
export const coordinationV1: ServedVersion = {
  group: "coordination.k8s.io",
  version: "v1",
  resources: { leases: { namespaced: true, allowCreateOnUpdate: true } },
};

import type { ServedVersion } from "../strategies.ts";
import { endpointSliceStrategy } from "./endpoint-slice.ts";

/** discovery.k8s.io/v1. */
export const discoveryV1: ServedVersion = {
  group: "discovery.k8s.io",
  version: "v1",
  resources: { endpointslices: endpointSliceStrategy },
};

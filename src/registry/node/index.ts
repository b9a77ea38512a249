import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { runtimeClassStrategy } from "./runtime-class.ts";

/** node.k8s.io/v1. */
export const nodeV1: ServedVersion = {
  group: "node.k8s.io",
  version: "v1",
  resources: { runtimeclasses: ofAnyKind(runtimeClassStrategy) },
};

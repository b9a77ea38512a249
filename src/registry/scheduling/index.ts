import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { priorityClassStrategy } from "./priority-class.ts";

/** scheduling.k8s.io/v1. */
export const schedulingV1: ServedVersion = {
  group: "scheduling.k8s.io",
  version: "v1",
  resources: { priorityclasses: ofAnyKind(priorityClassStrategy) },
};

import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { flowSchemaStrategy } from "./flow-schema.ts";
import { priorityLevelStrategy } from "./priority-level.ts";

/** flowcontrol.apiserver.k8s.io/v1. */
export const flowcontrolV1: ServedVersion = {
  group: "flowcontrol.apiserver.k8s.io",
  version: "v1",
  resources: {
    flowschemas: ofAnyKind(flowSchemaStrategy),
    prioritylevelconfigurations: ofAnyKind(priorityLevelStrategy),
  },
};

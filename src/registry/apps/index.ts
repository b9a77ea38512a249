import { formatLabelSelector } from "../../apimachinery/index.ts";
import { countGeneration, keepStatus, statusOnly, withoutStatus } from "../status-rules.ts";
import type { ServedVersion } from "../strategies.ts";
import type { Strategy } from "../strategy.ts";

const workload: Strategy = {
  namespaced: true,
  prepareForCreate: (object) => {
    withoutStatus(object);
    object.metadata.generation = 1;
    return object;
  },
  prepareForUpdate: (next, old) => countGeneration(keepStatus(next, old), old),
  status: statusOnly,
  resetFields: [["status"]],
  scale: {
    replicas: (object) => object["spec"]?.replicas ?? 0,
    setReplicas: (object, replicas) => ({ ...object, spec: { ...object["spec"], replicas } }),
    statusReplicas: (object) => object["status"]?.replicas ?? 0,
    selector: (object) => formatLabelSelector(object["spec"]?.selector),
  },
};

/** apps/v1. */
export const appsV1: ServedVersion = {
  group: "apps",
  version: "v1",
  resources: {
    controllerrevisions: { namespaced: true },
    deployments: workload,
    replicasets: workload,
  },
};

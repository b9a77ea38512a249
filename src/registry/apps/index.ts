import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { controllerRevisionStrategy } from "./controller-revision.ts";
import { daemonSetStrategy } from "./daemon-set.ts";
import { deploymentStrategy } from "./deployment.ts";
import { replicaSetStrategy } from "./replica-set.ts";
import { statefulSetStrategy } from "./stateful-set.ts";

/** apps/v1. */
export const appsV1: ServedVersion = {
  group: "apps",
  version: "v1",
  resources: {
    controllerrevisions: ofAnyKind(controllerRevisionStrategy),
    daemonsets: ofAnyKind(daemonSetStrategy),
    deployments: ofAnyKind(deploymentStrategy),
    replicasets: ofAnyKind(replicaSetStrategy),
    statefulsets: ofAnyKind(statefulSetStrategy),
  },
};

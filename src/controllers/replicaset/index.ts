import { type KubeObject, selectorFromObject } from "../../apimachinery/index.ts";
import type { ControllerDescriptor } from "../context.ts";
import { matchesSelectorMap, replicaSets, replicationControllers } from "../resources.ts";
import { createReplicaController } from "./controller.ts";

export const replicaSetController: ControllerDescriptor = {
  name: "replicaset-controller",
  aliases: ["replicaset"],
  create: (context) =>
    createReplicaController(context, {
      resource: replicaSets,
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      component: "replicaset-controller",
      reportsTerminating: true,
      selector(owner: KubeObject) {
        const selector = selectorFromObject(owner.spec?.selector);
        return (labels) => !selector.empty && selector.matches(labels);
      },
    }),
};

export const replicationController: ControllerDescriptor = {
  name: "replicationcontroller-controller",
  aliases: ["replicationcontroller", "replication"],
  create: (context) =>
    createReplicaController(context, {
      resource: replicationControllers,
      apiVersion: "v1",
      kind: "ReplicationController",
      component: "replication-controller",
      reportsTerminating: false,
      selector: (owner: KubeObject) => (labels) => matchesSelectorMap(owner.spec?.selector, labels),
    }),
};

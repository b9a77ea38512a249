import {
  dns1123SubdomainErrors,
  type FieldError,
  type KubeObject,
  type LabelSelector,
  validateLabelSelector,
} from "../../apimachinery/index.ts";
import { complaints, immutable, nonNegativeQuantity } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";

/** storage.k8s.io/v1 CSIStorageCapacity: how much a class of storage has left in a part of the cluster. */
interface CsiStorageCapacity extends KubeObject {
  storageClassName?: string;
  nodeTopology?: LabelSelector | null;
  capacity?: string;
}

export const csiStorageCapacityStrategy: Strategy<CsiStorageCapacity> = {
  namespaced: true,
  metadataOnUpdate: ["object", "changes"],
  allowUnconditionalUpdate: false,
  validate,
  validateUpdate: (next, old) => [
    ...validate(next),
    ...immutable("nodeTopology", next.nodeTopology, old.nodeTopology),
    ...immutable("storageClassName", next.storageClassName ?? "", old.storageClassName ?? ""),
  ],
};

function validate({ nodeTopology, storageClassName = "", capacity }: CsiStorageCapacity): FieldError[] {
  return [
    ...(nodeTopology ? validateLabelSelector(nodeTopology, "nodeTopology") : []),
    ...complaints("storageClassName", storageClassName, dns1123SubdomainErrors(storageClassName)),
    ...(capacity === undefined ? [] : nonNegativeQuantity("capacity", capacity)),
  ];
}

import type { KubeObject } from "../../apimachinery/index.ts";
import { dropDisabledFields } from "../core/pod/disabled-fields.ts";
import type { PodTemplate } from "../core/pod/types.ts";
import type { Strategy } from "../strategy.ts";
import { countWanted, type ReplicaStatus, validateReplicaStatus } from "./replicas.ts";

interface Replicated extends KubeObject {
  spec: { template?: PodTemplate };
  status?: ReplicaStatus;
}

const noReplicas: ReplicaStatus = { replicas: 0 };

/** What becomes of a set of equal pods on its way in, however it selects them: a ReplicaSet, a ReplicationController. */
export const replicatedLifecycle: Required<
  Pick<Strategy<Replicated>, "prepareForCreate" | "prepareForUpdate" | "status" | "resetFields">
> = {
  prepareForCreate: (set) => {
    dropDisabledFields(set.spec.template?.spec);
    set.status = noReplicas;
    set.metadata.generation = 1;
    return set;
  },
  prepareForUpdate: (next, old) => {
    dropDisabledFields(next.spec.template?.spec);
    next.status = old.status ?? noReplicas;
    return countWanted(next, old);
  },
  status: {
    prepareForUpdate: (next, old) => {
      next.spec = old.spec;
      return next;
    },
    validateUpdate: (next, old) => validateReplicaStatus(next.status ?? {}, old.status ?? {}, "replica set"),
    resetFields: [["spec"]],
  },
  resetFields: [["status"]],
};

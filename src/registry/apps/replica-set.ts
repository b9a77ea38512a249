import {
  type FieldError,
  formatLabelSelector,
  type KubeObject,
  writtenSelector,
} from "../../apimachinery/index.ts";
import { dropDisabledFields } from "../core/pod/disabled-fields.ts";
import { podWarnings, templateWarnings } from "../core/pod/warnings.ts";
import {
  countWanted,
  type ReplicaStatus,
  type ReplicatedSpec,
  replicaScale,
  validateReplicaStatus,
  validateSelectorAndTemplate,
} from "../rules/replicas.ts";
import { immutable, nonNegative } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, containerCells, nameOf } from "../tables/cells.ts";

interface ReplicaSet extends KubeObject {
  spec: ReplicatedSpec;
  status?: ReplicaStatus;
}

const noReplicas: ReplicaStatus = { replicas: 0 };

export const replicaSetStrategy: Strategy<ReplicaSet> = {
  namespaced: true,
  prepareForCreate: (replicaSet) => {
    dropDisabledFields(replicaSet.spec.template?.spec);
    replicaSet.status = noReplicas;
    replicaSet.metadata.generation = 1;
    return replicaSet;
  },
  prepareForUpdate: (next, old) => {
    dropDisabledFields(next.spec.template?.spec);
    next.status = old.status ?? noReplicas;
    return countWanted(next, old);
  },
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: (next, old) => [
    ...validateSpec(next.spec),
    ...immutable("spec.selector", writtenSelector(next.spec.selector), old.spec.selector),
  ],
  warnings: ({ spec }) => podWarnings(spec.template ?? {}, "spec.template."),
  warningsOnUpdate: templateWarnings,
  status: {
    prepareForUpdate: (next, old) => {
      next.spec = old.spec;
      return next;
    },
    validateUpdate: (next, old) => validateReplicaStatus(next.status ?? {}, old.status ?? {}, "replica set"),
    resetFields: [["spec"]],
  },
  scale: replicaScale(),
  resetFields: [["status"]],
  tableRow: (replicaSet, now) => {
    const { spec, status = {} } = replicaSet;
    return [
      nameOf(replicaSet),
      spec.replicas ?? 0,
      status.replicas ?? 0,
      status.readyReplicas ?? 0,
      age(replicaSet, now),
      ...containerCells(spec.template?.spec),
      formatLabelSelector(spec.selector),
    ];
  },
};

function validateSpec(spec: ReplicatedSpec): FieldError[] {
  return [
    ...nonNegative("spec.replicas", spec.replicas),
    ...nonNegative("spec.minReadySeconds", spec.minReadySeconds),
    ...validateSelectorAndTemplate(spec),
  ];
}

import {
  type FieldError,
  formatLabelSelector,
  type KubeObject,
  writtenSelector,
} from "../../apimachinery/index.ts";
import { podWarnings, templateWarnings } from "../core/pod/warnings.ts";
import {
  type ReplicaStatus,
  type ReplicatedSpec,
  replicaScale,
  validateSelectorAndTemplate,
} from "../rules/replicas.ts";
import { replicatedLifecycle } from "../rules/replicated.ts";
import { immutable, nonNegative } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, containerCells, nameOf } from "../tables/cells.ts";

interface ReplicaSet extends KubeObject {
  spec: ReplicatedSpec;
  status?: ReplicaStatus;
}

export const replicaSetStrategy: Strategy<ReplicaSet> = {
  namespaced: true,
  ...replicatedLifecycle,
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: (next, old) => [
    ...validateSpec(next.spec),
    ...immutable("spec.selector", writtenSelector(next.spec.selector), old.spec.selector),
  ],
  warnings: ({ spec }) => podWarnings(spec.template ?? {}, "spec.template."),
  warningsOnUpdate: templateWarnings,
  scale: replicaScale(),
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

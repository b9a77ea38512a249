import {
  dns1123SubdomainErrors,
  type FieldError,
  field,
  type KubeObject,
  selectorFromMap,
} from "../../apimachinery/index.ts";
import {
  countWanted,
  type ReplicaStatus,
  replicaScale,
  validateReplicaStatus,
  validateTemplate,
} from "../rules/replicas.ts";
import { nonNegative } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, containerCells, formatLabels, nameOf } from "../tables/cells.ts";
import { dropDisabledFields } from "./pod/disabled-fields.ts";
import type { PodTemplate } from "./pod/types.ts";
import { podWarnings } from "./pod/warnings.ts";

interface ReplicationController extends KubeObject {
  spec: {
    replicas?: number;
    minReadySeconds?: number;
    selector?: Record<string, string>;
    template?: PodTemplate;
  };
  status?: ReplicaStatus;
}

const noReplicas: ReplicaStatus = { replicas: 0 };

/** The oldest workload: its selector is a plain map, and its pods outlive it unless somebody says otherwise. */
export const replicationControllerStrategy: Strategy<ReplicationController> = {
  namespaced: true,
  validateName: (name) => dns1123SubdomainErrors(name, "bytes"),
  prepareForCreate: (controller) => {
    dropDisabledFields(controller.spec.template?.spec);
    controller.status = noReplicas;
    controller.metadata.generation = 1;
    return controller;
  },
  prepareForUpdate: (next, old) => {
    dropDisabledFields(next.spec.template?.spec);
    next.status = old.status ?? noReplicas;
    return countWanted(next, old);
  },
  validate: validateSpec,
  validateUpdate: validateSpec,
  warnings: ({ spec }) => podWarnings(spec.template ?? {}, "spec.template."),
  // Of the template that was: so does upstream.
  warningsOnUpdate: (_, { spec }) => podWarnings(spec.template ?? {}, "spec.template."),
  defaultPropagation: "Orphan",
  selectableFields: { "status.replicas": ({ status }) => String(status?.replicas ?? 0) },
  status: {
    prepareForUpdate: (next, old) => {
      next.spec = old.spec;
      return next;
    },
    validateUpdate: (next, old) => validateReplicaStatus(next.status ?? {}, old.status ?? {}, "replica set"),
    resetFields: [["spec"]],
  },
  scale: replicaScale((controller) => selectorFromMap(controller["spec"]?.selector).toString()),
  resetFields: [["status"]],
  tableRow: (controller, now) => {
    const { spec, status = {} } = controller;
    return [
      nameOf(controller),
      spec.replicas ?? 0,
      status.replicas ?? 0,
      status.readyReplicas ?? 0,
      age(controller, now),
      ...containerCells(spec.template?.spec),
      formatLabels(spec.selector),
    ];
  },
};

function validateSpec({ spec }: ReplicationController): FieldError[] {
  const errors = nonNegative("spec.minReadySeconds", spec.minReadySeconds);
  const matcher = selectorFromMap(spec.selector);
  if (matcher.empty) errors.push(field.required("spec.selector", ""));
  errors.push(...nonNegative("spec.replicas", spec.replicas));
  if (spec.template === undefined) return [...errors, field.required("spec.template", "")];
  return [...errors, ...validateTemplate(spec.template, matcher, "ReplicationController")];
}

import {
  dns1123SubdomainErrors,
  type FieldError,
  field,
  type KubeObject,
  selectorFromMap,
} from "../../apimachinery/index.ts";
import { type ReplicaStatus, replicaScale, validateTemplate } from "../rules/replicas.ts";
import { replicatedLifecycle } from "../rules/replicated.ts";
import { nonNegative } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, containerCells, formatLabels, nameOf } from "../tables/cells.ts";
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

/** The oldest workload: its selector is a plain map, and its pods outlive it unless somebody says otherwise. */
export const replicationControllerStrategy: Strategy<ReplicationController> = {
  namespaced: true,
  validateName: (name) => dns1123SubdomainErrors(name, "bytes"),
  ...replicatedLifecycle,
  validate: validateSpec,
  validateUpdate: validateSpec,
  warnings: ({ spec }) => podWarnings(spec.template ?? {}, "spec.template."),
  // Of the template that was: so does upstream.
  warningsOnUpdate: (_, { spec }) => podWarnings(spec.template ?? {}, "spec.template."),
  defaultPropagation: "Orphan",
  selectableFields: { "status.replicas": ({ status }) => String(status?.replicas ?? 0) },
  scale: replicaScale((controller) => selectorFromMap(controller["spec"]?.selector).toString()),
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

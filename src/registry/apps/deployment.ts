import {
  deepEqual,
  dns1123LabelErrors,
  type FieldError,
  field,
  formatLabelSelector,
  type IntOrString,
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
import { numberOf, validateShare } from "../rules/shares.ts";
import { immutable, nonNegative } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, containerCells, nameOf } from "../tables/cells.ts";

interface Deployment extends KubeObject {
  spec: ReplicatedSpec & {
    strategy?: RolloutStrategy;
    revisionHistoryLimit?: number;
    progressDeadlineSeconds?: number;
  };
  status?: ReplicaStatus;
}

interface RolloutStrategy {
  type?: string;
  rollingUpdate?: { maxUnavailable?: IntOrString; maxSurge?: IntOrString };
}

export const deploymentStrategy: Strategy<Deployment> = {
  namespaced: true,
  prepareForCreate: (deployment) => {
    dropDisabledFields(deployment.spec.template?.spec);
    deployment.status = {};
    deployment.metadata.generation = 1;
    return deployment;
  },
  prepareForUpdate: (next, old) => {
    dropDisabledFields(next.spec.template?.spec);
    next.status = old.status ?? {};
    // Annotations are copied to ReplicaSets: the controller has work when they change.
    return countWanted(
      next,
      old,
      !deepEqual(next.metadata.annotations ?? {}, old.metadata.annotations ?? {}),
    );
  },
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: (next, old) => [
    ...validateSpec(next.spec),
    ...immutable("spec.selector", writtenSelector(next.spec.selector), old.spec.selector),
  ],
  warnings: (deployment) => [
    ...nameWarnings(deployment),
    ...podWarnings(deployment.spec.template ?? {}, "spec.template."),
  ],
  warningsOnUpdate: templateWarnings,
  status: {
    prepareForUpdate: (next, old) => {
      next.spec = old.spec;
      if (old.metadata.labels === undefined) delete next.metadata.labels;
      else next.metadata.labels = old.metadata.labels;
      return next;
    },
    validateUpdate: (next, old) => validateReplicaStatus(next.status ?? {}, old.status ?? {}, "deployment"),
    resetFields: [["spec"], ["metadata", "labels"]],
  },
  scale: replicaScale(),
  resetFields: [["status"]],
  tableRow: (deployment, now) => {
    const { spec, status = {} } = deployment;
    return [
      nameOf(deployment),
      `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
      status.updatedReplicas ?? 0,
      status.availableReplicas ?? 0,
      age(deployment, now),
      ...containerCells(spec.template?.spec),
      formatLabelSelector(spec.selector),
    ];
  },
};

/** Pods take the name, and their host names want a label. */
function nameWarnings({ metadata }: Deployment): string[] {
  const problems = dns1123LabelErrors(metadata.name ?? "");
  if (problems.length === 0) return [];
  const text =
    "this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended";
  return [`metadata.name: ${text}: [${problems.join(" ")}]`];
}

function validateSpec(spec: Deployment["spec"]): FieldError[] {
  const errors = nonNegative("spec.replicas", spec.replicas);
  errors.push(...validateSelectorAndTemplate(spec));
  errors.push(...validateRollout(spec.strategy ?? {}, "spec.strategy"));
  errors.push(...nonNegative("spec.minReadySeconds", spec.minReadySeconds));
  errors.push(...nonNegative("spec.revisionHistoryLimit", spec.revisionHistoryLimit));
  const deadline = spec.progressDeadlineSeconds;
  if (deadline === undefined) return errors;
  errors.push(...nonNegative("spec.progressDeadlineSeconds", deadline));
  if (deadline <= (spec.minReadySeconds ?? 0)) {
    errors.push(
      field.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"),
    );
  }
  return errors;
}

function validateRollout({ type = "", rollingUpdate }: RolloutStrategy, path: string): FieldError[] {
  const at = `${path}.rollingUpdate`;
  if (type === "Recreate") {
    if (rollingUpdate === undefined) return [];
    return [field.forbidden(at, "may not be specified when strategy `type` is 'Recreate'")];
  }
  if (type !== "RollingUpdate") {
    // Upstream prints its internal form.
    const { maxUnavailable, maxSurge } = rollingUpdate ?? {};
    const rolling =
      rollingUpdate === undefined ? null : { MaxUnavailable: maxUnavailable, MaxSurge: maxSurge };
    const shown = { Type: type, RollingUpdate: rolling };
    return [field.notSupported(path, shown, ["Recreate", "RollingUpdate"])];
  }
  if (rollingUpdate === undefined) {
    return [field.required(at, "this should be defaulted and never be nil")];
  }
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate;
  const errors = [
    ...validateShare(maxUnavailable, `${at}.maxUnavailable`),
    ...validateShare(maxSurge, `${at}.maxSurge`),
  ];
  // Neither more nor fewer pods than wanted: nothing could ever be replaced.
  if (numberOf(maxUnavailable) === 0 && numberOf(maxSurge) === 0) {
    errors.push(field.invalid(`${at}.maxUnavailable`, maxUnavailable, "may not be 0 when `maxSurge` is 0"));
  }
  if (typeof maxUnavailable === "string" && (numberOf(maxUnavailable) ?? 0) > 100) {
    errors.push(field.invalid(`${at}.maxUnavailable`, maxUnavailable, "must not be greater than 100%"));
  }
  return errors;
}

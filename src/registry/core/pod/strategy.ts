import { deepEqual, type FieldError, field, formatTime } from "../../../apimachinery/index.ts";
import { changesOf } from "../../rules/changes.ts";
import type { Strategy, UpdateRules } from "../../strategy.ts";
import { takeFromAnnotations, validateProfilesAgree } from "./app-armor.ts";
import { dropDisabledFields, dropDisabledStatus } from "./disabled-fields.ts";
import { resolveLabelKeys } from "./label-keys.ts";
import { validateKeptAnnotations } from "./pod-annotations.ts";
import { validatePod } from "./pod-rules.ts";
import { validatePodUpdate } from "./pod-update.ts";
import { resizedSpec, validateResize } from "./resize-rules.ts";
import { qosClassOf } from "./resources.ts";
import { validatePodStatus } from "./status-rules.ts";
import { podConditions, podRow } from "./table.ts";
import type { Container, Pod } from "./types.ts";
import { newPodWarnings } from "./warnings.ts";

const noDelay = 0;
/** What a negative grace period is taken for. */
const shortestGraceSeconds = 1;

/** Pods: made Pending, bound once, changed little, deleted in peace. */
export const podStrategy: Strategy<Pod> = {
  namespaced: true,
  metadataOnUpdate: ["changes", "object"],
  prepareForCreate: (pod, { warn, now }) => {
    pod.metadata.generation = 1;
    pod.status = { phase: "Pending", qosClass: qosClassOf(pod.spec) };
    dropDisabledFields(pod.spec);
    resolveLabelKeys(pod);
    takeFromAnnotations(pod, warn);
    if ((pod.spec.schedulingGates?.length ?? 0) > 0) {
      const gated = {
        type: "PodScheduled",
        status: "False",
        lastTransitionTime: formatTime(now),
        reason: "SchedulingGated",
        message: "Scheduling is blocked due to non-empty scheduling gates",
      };
      pod.status.conditions = [gated];
    }
    return pod;
  },
  prepareForUpdate: (next, old) => {
    dropDisabledFields(next.spec);
    keepStatus(next, old);
    return countSpec(next, old);
  },
  validate: validatePodCreate,
  validateUpdate: validatePodUpdate,
  warnings: newPodWarnings,
  gracePeriodSeconds: (pod, requestedSeconds) => {
    // Nobody has to be asked to stop what does not run.
    if (!pod.spec.nodeName || pod.status?.phase === "Failed" || pod.status?.phase === "Succeeded")
      return noDelay;
    const seconds = requestedSeconds ?? pod.spec.terminationGracePeriodSeconds ?? noDelay;
    return seconds < 0 ? shortestGraceSeconds : seconds;
  },
  returnDeletedObject: true,
  selectableFields: {
    "spec.nodeName": (pod) => pod.spec.nodeName ?? "",
    "spec.restartPolicy": (pod) => pod.spec.restartPolicy ?? "",
    "spec.schedulerName": (pod) => pod.spec.schedulerName ?? "",
    "spec.serviceAccountName": (pod) => pod.spec.serviceAccountName ?? "",
    "spec.hostNetwork": (pod) => String(pod.spec.hostNetwork ?? false),
    "status.phase": (pod) => pod.status?.phase ?? "",
    "status.podIP": (pod) => pod.status?.podIP ?? "",
    // May be asked for, but upstream never fills it.
    "status.podIPs": () => "",
    "status.nominatedNodeName": (pod) => pod.status?.nominatedNodeName ?? "",
  },
  indexedFields: ["spec.nodeName"],
  status: statusRules(),
  subresources: { ephemeralcontainers: ephemeralRules(), resize: resizeRules() },
  resetFields: [["status"]],
  tableRow: podRow,
  tableConditions: podConditions,
};

function keepStatus(next: Pod, old: Pod): void {
  if (old.status === undefined) delete next.status;
  else next.status = old.status;
}

/** The generation counts what is wanted of the pod; pods from before it was counted have none. */
function countSpec(next: Pod, old: Pod): Pod {
  const generation = old.metadata.generation ?? 0;
  if (!deepEqual(next.spec, old.spec)) next.metadata.generation = generation + 1;
  else if (generation > 0) next.metadata.generation = generation;
  return next;
}

function validatePodCreate(pod: Pod): FieldError[] {
  const { spec } = pod;
  const errors = validatePod(pod);
  if ((spec.ephemeralContainers?.length ?? 0) > 0) {
    errors.push(field.forbidden("spec.ephemeralContainers", "cannot be set on create"));
  }
  if (spec.nodeName && (spec.schedulingGates?.length ?? 0) > 0) {
    errors.push(
      field.forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared"),
    );
  }
  return [...errors, ...validateProfilesAgree(pod)];
}

function statusRules(): UpdateRules<Pod> {
  return {
    prepareForUpdate: (next, old) => {
      next.spec = old.spec;
      if (old.metadata.deletionTimestamp === undefined) delete next.metadata.deletionTimestamp;
      // Old kubelets send back what they once read, and would undo an adoption.
      if (old.metadata.ownerReferences === undefined) delete next.metadata.ownerReferences;
      else next.metadata.ownerReferences = old.metadata.ownerReferences;
      const { status } = next;
      if (status?.podIP && status.podIP !== status.podIPs?.[0]?.ip) status.podIPs = [{ ip: status.podIP }];
      if (status !== undefined && old.status?.qosClass !== undefined) status.qosClass ??= old.status.qosClass;
      dropDisabledStatus(status);
      return next;
    },
    validateUpdate: (next, old) => [...validateKeptAnnotations(next, old), ...validatePodStatus(next, old)],
    resetFields: [["spec"], ["metadata", "deletionTimestamp"], ["metadata", "ownerReferences"]],
  };
}

/** Only spec.ephemeralContainers, which can be added to and nothing else. */
function ephemeralRules(): UpdateRules<Pod> {
  return {
    withoutTable: true,
    prepareForUpdate: (next, old) => {
      const { ephemeralContainers } = next.spec;
      const spec = { ...old.spec };
      if (ephemeralContainers === undefined) delete spec.ephemeralContainers;
      else spec.ephemeralContainers = ephemeralContainers;
      return countSpec({ ...old, metadata: { ...old.metadata, ...versionOf(next) }, spec }, old);
    },
    validateUpdate: (next, old) => [
      ...validatePod(next),
      ...validateOnlyAdded(next.spec.ephemeralContainers ?? [], old.spec.ephemeralContainers ?? []),
    ],
  };
}

const versionOf = ({ metadata }: Pod): Pick<Pod["metadata"], "resourceVersion" | "managedFields"> => ({
  ...(metadata.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion }),
  ...(metadata.managedFields === undefined ? {} : { managedFields: metadata.managedFields }),
});

function validateOnlyAdded(next: readonly Container[], old: readonly Container[]): FieldError[] {
  const path = "spec.ephemeralContainers";
  return old.flatMap((before) => {
    const after = next.find(({ name }) => name === before.name);
    if (after === undefined) {
      return [field.forbidden(path, `existing ephemeral containers "${before.name}" may not be removed\n`)];
    }
    if (deepEqual(after, before)) return [];
    return [
      field.forbidden(
        path,
        `existing ephemeral containers "${before.name}" may not be changed\n${changesOf("EphemeralContainer", after, before)}`,
      ),
    ];
  });
}

/** Only what containers ask for and are limited to. */
function resizeRules(): UpdateRules<Pod> {
  return {
    withoutTable: true,
    prepareForUpdate: (next, old) => {
      const spec = resizedSpec(next.spec, old.spec);
      dropDisabledFields(spec);
      return countSpec({ ...old, metadata: { ...old.metadata, ...versionOf(next) }, spec }, old);
    },
    validateUpdate: validateResize,
  };
}

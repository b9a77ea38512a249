import { type Defaulter, isEmpty } from "./defaulter.ts";

const revisionHistoryLimit = 10;

const deployment: Defaulter = ({ spec }) => {
  spec.replicas ??= 1;
  spec.strategy ??= {};
  spec.strategy.type ??= "RollingUpdate";
  if (spec.strategy.type === "RollingUpdate") {
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxUnavailable ??= "25%";
    spec.strategy.rollingUpdate.maxSurge ??= "25%";
  }
  spec.revisionHistoryLimit ??= revisionHistoryLimit;
  spec.progressDeadlineSeconds ??= 600;
};

const templateGeneration = "deprecated.daemonset.template.generation";

const daemonSet: Defaulter = ({ metadata, spec }) => {
  metadata.annotations ??= {};
  metadata.annotations[templateGeneration] ??= "0";
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ??= "RollingUpdate";
  if (spec.updateStrategy.type === "RollingUpdate") {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= revisionHistoryLimit;
};

const statefulSet: Defaulter = ({ spec }) => {
  spec.podManagementPolicy ??= "OrderedReady";
  spec.updateStrategy ??= {};
  if (spec.updateStrategy.type === undefined) {
    spec.updateStrategy.type = "RollingUpdate";
    spec.updateStrategy.rollingUpdate ??= {};
  }
  if (spec.updateStrategy.type === "RollingUpdate" && spec.updateStrategy.rollingUpdate !== undefined) {
    spec.updateStrategy.rollingUpdate.partition ??= 0;
  }
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ??= "Retain";
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ??= "Retain";
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= revisionHistoryLimit;
  for (const template of spec.volumeClaimTemplates ?? []) {
    // Whatever it calls itself.
    template.kind = "PersistentVolumeClaim";
    template.apiVersion = "v1";
  }
};

const job: Defaulter = ({ metadata, spec }) => {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  // With a limit for each index there is none for the whole unless it is given.
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2_147_483_647;
  const labels = spec.template?.metadata?.labels;
  if (labels !== undefined && isEmpty(metadata.labels)) metadata.labels = { ...labels };
  spec.completionMode ??= "NonIndexed";
  spec.suspend ??= false;
  spec.manualSelector ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? "TerminatingOrFailed" : "Failed";
};

const cronJob: Defaulter = ({ spec }) => {
  spec.concurrencyPolicy ??= "Allow";
  spec.suspend ??= false;
  spec.successfulJobsHistoryLimit ??= 3;
  spec.failedJobsHistoryLimit ??= 1;
};

const scalingPeriodSeconds = 15;
const scaleUpRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: "Max",
  policies: [
    { type: "Pods", value: 4, periodSeconds: scalingPeriodSeconds },
    { type: "Percent", value: 100, periodSeconds: scalingPeriodSeconds },
  ],
};
const scaleDownRules = {
  selectPolicy: "Max",
  policies: [{ type: "Percent", value: 100, periodSeconds: scalingPeriodSeconds }],
};
const cpuUtilizationPercent = 80;

const horizontalPodAutoscaler: Defaulter = ({ spec }) => {
  spec.minReplicas ??= 1;
  if ((spec.metrics ?? []).length === 0) {
    spec.metrics = [
      {
        type: "Resource",
        resource: { name: "cpu", target: { type: "Utilization", averageUtilization: cpuUtilizationPercent } },
      },
    ];
  }
  if (spec.behavior !== undefined) {
    spec.behavior.scaleUp = { ...structuredClone(scaleUpRules), ...spec.behavior.scaleUp };
    spec.behavior.scaleDown = { ...structuredClone(scaleDownRules), ...spec.behavior.scaleDown };
  }
};

export const workloadDefaulters: Readonly<Record<string, Defaulter>> = {
  "apps/v1.Deployment": deployment,
  "apps/v1.DaemonSet": daemonSet,
  "apps/v1.StatefulSet": statefulSet,
  "apps/v1.ReplicaSet": ({ spec }) => {
    spec.replicas ??= 1;
  },
  "batch/v1.Job": job,
  "batch/v1.PodFailurePolicyOnPodConditionsPattern": (value) => {
    value.status ||= "True";
  },
  "batch/v1.CronJob": cronJob,
  "autoscaling/v2.HorizontalPodAutoscaler": horizontalPodAutoscaler,
  "autoscaling/v1.HorizontalPodAutoscaler": ({ metadata, spec }) => {
    spec.minReplicas ??= 1;
    // Other metrics than the one this version knows stand there.
    if (metadata?.annotations?.["autoscaling.alpha.kubernetes.io/metrics"] === undefined)
      spec.targetCPUUtilizationPercentage ??= cpuUtilizationPercent;
  },
};

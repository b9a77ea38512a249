import {
  deepEqual,
  dns1123LabelErrors,
  type FieldError,
  field,
  type IntOrString,
  type KubeObject,
  nameIsDnsLabel,
} from "../../apimachinery/index.ts";
import { dropDisabledFields } from "../core/pod/disabled-fields.ts";
import { validateTemplateMeta } from "../core/pod/pod-spec.ts";
import type { PodSpec, PodTemplate } from "../core/pod/types.ts";
import type { Volume } from "../core/pod/volume-types.ts";
import { podWarnings, templateWarnings } from "../core/pod/warnings.ts";
import { type ClaimTemplate, validateClaimSpec } from "../core/volume/claim-spec.ts";
import {
  countWanted,
  type ReplicaStatus,
  type ReplicatedSpec,
  replicaScale,
  validateSelectorAndTemplate,
} from "../rules/replicas.ts";
import { validateShare } from "../rules/shares.ts";
import { complaints, nonNegative } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, containerCells, nameOf } from "../tables/cells.ts";

interface StatefulSet extends KubeObject {
  spec: ReplicatedSpec & {
    serviceName?: string;
    podManagementPolicy?: string;
    updateStrategy?: {
      type?: string;
      rollingUpdate?: { partition?: number; maxUnavailable?: IntOrString };
    };
    persistentVolumeClaimRetentionPolicy?: { whenDeleted?: string; whenScaled?: string };
    volumeClaimTemplates?: ClaimTemplate[];
    revisionHistoryLimit?: number;
    ordinals?: { start?: number };
  };
  status?: ReplicaStatus & { currentReplicas?: number };
}

const noReplicas = { replicas: 0, availableReplicas: 0 };

export const statefulSetStrategy: Strategy<StatefulSet> = {
  namespaced: true,
  validateName: nameIsDnsLabel,
  prepareForCreate: (statefulSet) => {
    dropDisabledFields(statefulSet.spec.template?.spec);
    dropMaxUnavailable(statefulSet);
    statefulSet.status = noReplicas;
    statefulSet.metadata.generation = 1;
    return statefulSet;
  },
  prepareForUpdate: (next, old) => {
    dropDisabledFields(next.spec.template?.spec);
    dropMaxUnavailable(next);
    next.status = old.status ?? noReplicas;
    return countWanted(next, old);
  },
  validate: ({ spec }) => validateSpec(spec, { isNew: true }),
  validateUpdate: (next, old) => [
    ...validateSpec(next.spec, { isNew: false }),
    ...validateFixed(next.spec, old.spec),
  ],
  warnings: ({ spec }) => [...podWarnings(spec.template ?? {}, "spec.template."), ...historyWarnings(spec)],
  warningsOnUpdate: (next, old) => [...templateWarnings(next, old), ...historyWarnings(next.spec)],
  status: {
    prepareForUpdate: (next, old) => {
      next.spec = old.spec;
      return next;
    },
    validateUpdate: (next, old) => validateStatus(next.status ?? {}, old.status ?? {}),
    resetFields: [["spec"]],
  },
  scale: replicaScale(),
  resetFields: [["status"]],
  tableRow: (statefulSet, now) => {
    const { spec, status = {} } = statefulSet;
    return [
      nameOf(statefulSet),
      `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
      age(statefulSet, now),
      ...containerCells(spec.template?.spec),
    ];
  },
};

/** An alpha feature of 1.35 that is off: nobody would act on it. */
function dropMaxUnavailable({ spec }: StatefulSet): void {
  delete spec.updateStrategy?.rollingUpdate?.maxUnavailable;
}

function historyWarnings({ revisionHistoryLimit = 0 }: StatefulSet["spec"]): string[] {
  if (revisionHistoryLimit >= 0) return [];
  return [
    "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended",
  ];
}

const mayChange = [
  "replicas",
  "ordinals",
  "template",
  "updateStrategy",
  "revisionHistoryLimit",
  "persistentVolumeClaimRetentionPolicy",
  "minReadySeconds",
] as const;

/** Pods, claims and their names are made from the rest. */
function validateFixed(next: StatefulSet["spec"], old: StatefulSet["spec"]): FieldError[] {
  const fixed = (spec: StatefulSet["spec"]): object => {
    const rest: Record<string, unknown> = { ...spec };
    for (const name of mayChange) delete rest[name];
    return rest;
  };
  if (deepEqual(fixed(next), fixed(old))) return [];
  const names = mayChange.map((name) => `'${name}'`);
  const listed = `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  return [
    field.forbidden("spec", `updates to statefulset spec for fields other than ${listed} are forbidden`),
  ];
}

/** `isNew`: with what cannot change later, and was checked then. */
function validateSpec(spec: StatefulSet["spec"], { isNew }: { readonly isNew: boolean }): FieldError[] {
  const errors: FieldError[] = [];
  const { podManagementPolicy = "" } = spec;
  if (podManagementPolicy === "") errors.push(field.required("spec.podManagementPolicy", ""));
  else if (podManagementPolicy !== "OrderedReady" && podManagementPolicy !== "Parallel") {
    const detail = "must be 'OrderedReady' or 'Parallel'";
    errors.push(field.invalid("spec.podManagementPolicy", podManagementPolicy, detail));
  }
  return [
    ...errors,
    ...validateUpdateStrategy(spec, "spec.updateStrategy"),
    ...validateRetention(spec, "spec.persistentVolumeClaimRetentionPolicy"),
    ...(isNew ? validateClaims(spec) : []),
    ...nonNegative("spec.replicas", spec.replicas),
    ...nonNegative("spec.minReadySeconds", spec.minReadySeconds),
    ...nonNegative("spec.ordinals.start", spec.ordinals?.start),
    ...(isNew && spec.serviceName
      ? complaints("spec.serviceName", spec.serviceName, dns1123LabelErrors(spec.serviceName))
      : []),
    ...validateSelectorAndTemplate(
      { ...spec, template: withClaims(spec) },
      { selector: "statefulset", deadline: "StatefulSet", unusable: "" },
    ),
    // Upstream looks at them twice.
    ...validateTemplateMeta(spec.template, "spec.template"),
  ];
}

function validateClaims({ volumeClaimTemplates = [] }: StatefulSet["spec"]): FieldError[] {
  return volumeClaimTemplates.flatMap((template, i) =>
    validateClaimSpec(template.spec ?? {}, `spec.volumeClaimTemplates[${i}].spec`),
  );
}

/** The template as the pods will have it: claims are volumes, and come before those of the same name. */
function withClaims({ template, volumeClaimTemplates = [] }: StatefulSet["spec"]): PodTemplate {
  const claims = new Map(
    volumeClaimTemplates.map(({ metadata }): [string, Volume] => {
      const name = metadata?.name ?? "";
      return [name, { name, persistentVolumeClaim: { claimName: name } }];
    }),
  );
  const { spec, ...rest } = template ?? {};
  if (spec === undefined) return template ?? {};
  // The controller names each pod, whatever the template says.
  const { hostname: _, subdomain: __, ...named } = spec;
  if (claims.size === 0) return { ...rest, spec: named as PodSpec };
  const others = (spec.volumes ?? []).filter(({ name }) => !claims.has(name));
  return { ...rest, spec: { ...(named as PodSpec), volumes: [...claims.values(), ...others] } };
}

function validateUpdateStrategy({ updateStrategy = {} }: StatefulSet["spec"], path: string): FieldError[] {
  const { type = "", rollingUpdate } = updateStrategy;
  const at = `${path}.rollingUpdate`;
  // Upstream prints its internal form.
  const shown =
    rollingUpdate === undefined
      ? null
      : { Partition: rollingUpdate.partition ?? 0, MaxUnavailable: rollingUpdate.maxUnavailable ?? null };
  switch (type) {
    case "":
      return [field.required(path, "")];
    case "OnDelete":
      if (rollingUpdate === undefined) return [];
      return [field.invalid(at, shown, "only allowed for updateStrategy 'RollingUpdate'")];
    case "RollingUpdate":
      if (rollingUpdate === undefined) return [];
      return [
        ...nonNegative(`${at}.partition`, rollingUpdate.partition),
        ...(rollingUpdate.maxUnavailable === undefined
          ? []
          : validateShare(rollingUpdate.maxUnavailable, `${at}.maxUnavailable`)),
      ];
    default:
      return [
        field.invalid(path, { Type: type, RollingUpdate: shown }, "must be 'RollingUpdate' or 'OnDelete'"),
      ];
  }
}

function validateRetention(
  { persistentVolumeClaimRetentionPolicy: policy }: StatefulSet["spec"],
  path: string,
): FieldError[] {
  if (policy === undefined) return [];
  return (["whenDeleted", "whenScaled"] as const).flatMap((name) => {
    const value = policy[name] ?? "";
    return value === "Retain" || value === "Delete"
      ? []
      : [field.notSupported(`${path}.${name}`, value, ["Retain", "Delete"])];
  });
}

const partialCounts = ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"] as const;
type Status = NonNullable<StatefulSet["status"]>;

function validateStatus(status: Status, old: Status): FieldError[] {
  const names = ["replicas", ...partialCounts, "observedGeneration", "collisionCount"] as const;
  const errors = names.flatMap((name) => nonNegative(`status.${name}`, status[name]));
  if ((status.collisionCount ?? 0) < (old.collisionCount ?? 0)) {
    errors.push(field.invalid("status.collisionCount", status.collisionCount ?? 0, "cannot be decremented"));
  }
  for (const name of partialCounts) {
    const count = status[name] ?? 0;
    if (count <= (status.replicas ?? 0)) continue;
    errors.push(field.invalid(`status.${name}`, count, "cannot be greater than status.replicas"));
  }
  const available = status.availableReplicas ?? 0;
  if (available > (status.readyReplicas ?? 0)) {
    const detail = "cannot be greater than status.readyReplicas";
    errors.push(field.invalid("status.availableReplicas", available, detail));
  }
  return errors;
}

import {
  deepEqual,
  errors,
  type FieldError,
  field,
  formatLabelSelector,
  type IntOrString,
  type KubeObject,
  writtenSelector,
} from "../../apimachinery/index.ts";
import { dropDisabledFields } from "../core/pod/disabled-fields.ts";
import { podWarnings } from "../core/pod/warnings.ts";
import { countWanted, type ReplicatedSpec, validateSelectorAndTemplate } from "../rules/replicas.ts";
import { numberOf, validateShare } from "../rules/shares.ts";
import { immutable, nonNegative } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, containerCells, formatLabels, nameOf } from "../tables/cells.ts";

interface DaemonSet extends KubeObject {
  spec: ReplicatedSpec & { updateStrategy?: UpdateStrategy; revisionHistoryLimit?: number };
  status?: DaemonSetStatus;
}

interface UpdateStrategy {
  type?: string;
  rollingUpdate?: { maxUnavailable?: IntOrString; maxSurge?: IntOrString };
}

interface DaemonSetStatus {
  currentNumberScheduled?: number;
  numberMisscheduled?: number;
  desiredNumberScheduled?: number;
  numberReady?: number;
  observedGeneration?: number;
  updatedNumberScheduled?: number;
  numberAvailable?: number;
  numberUnavailable?: number;
  collisionCount?: number;
}

const nothingScheduled: DaemonSetStatus = {
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
};

/** Counts the templates a DaemonSet has had; a field once, now an annotation that only the server writes. */
const templateGenerationAnnotation = "deprecated.daemonset.template.generation";

export const daemonSetStrategy: Strategy<DaemonSet> = {
  namespaced: true,
  prepareForCreate: (daemonSet) => {
    checkTemplateGeneration(daemonSet);
    dropDisabledFields(daemonSet.spec.template?.spec);
    daemonSet.status = nothingScheduled;
    daemonSet.metadata.generation = 1;
    if (templateGeneration(daemonSet) < 1) setTemplateGeneration(daemonSet, 1);
    return daemonSet;
  },
  prepareForUpdate: (next, old) => {
    checkTemplateGeneration(next);
    dropDisabledFields(next.spec.template?.spec);
    next.status = old.status ?? nothingScheduled;
    const changed = !deepEqual(next.spec.template, old.spec.template);
    setTemplateGeneration(next, templateGeneration(old) + (changed ? 1 : 0));
    return countWanted(next, old);
  },
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: (next, old) => [
    ...immutable("spec.selector", writtenSelector(next.spec.selector), old.spec.selector),
    ...validateSpec(next.spec),
  ],
  warnings: ({ spec }) => podWarnings(spec.template ?? {}, "spec.template."),
  warningsOnUpdate: (next, old) =>
    templateGeneration(next) === templateGeneration(old)
      ? []
      : podWarnings(next.spec.template ?? {}, "spec.template."),
  status: {
    prepareForUpdate: (next, old) => {
      next.spec = old.spec;
      return next;
    },
    validateUpdate: (next, old) => validateStatus(next.status ?? {}, old.status ?? {}),
    resetFields: [["spec"]],
  },
  resetFields: [["status"]],
  tableRow: (daemonSet, now) => {
    const { spec, status = {} } = daemonSet;
    return [
      nameOf(daemonSet),
      status.desiredNumberScheduled ?? 0,
      status.currentNumberScheduled ?? 0,
      status.numberReady ?? 0,
      status.updatedNumberScheduled ?? 0,
      status.numberAvailable ?? 0,
      formatLabels(spec.template?.spec?.nodeSelector),
      age(daemonSet, now),
      ...containerCells(spec.template?.spec),
      formatLabelSelector(spec.selector),
    ];
  },
};

function templateGeneration({ metadata }: DaemonSet): number {
  const text = metadata.annotations?.[templateGenerationAnnotation] ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}

/** Upstream reads the annotation into the field that it once was. @throws StatusError */
function checkTemplateGeneration({ metadata }: DaemonSet): void {
  const text = metadata.annotations?.[templateGenerationAnnotation] ?? "0";
  if (/^[-+]?\d+$/.test(text)) return;
  const why = `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`;
  throw errors.badRequest(`DaemonSet in version "v1" cannot be handled as a DaemonSet: ${why}`);
}

function setTemplateGeneration({ metadata }: DaemonSet, generation: number): void {
  metadata.annotations = { ...metadata.annotations, [templateGenerationAnnotation]: String(generation) };
}

function validateSpec(spec: DaemonSet["spec"]): FieldError[] {
  // A missing selector shows only as one that does not match, a wrong one only by what is wrong with it.
  const problems = validateSelectorAndTemplate(spec, {
    selector: "daemonset",
    deadline: "DaemonSet",
    unusable: "",
  });
  return [
    ...problems.filter(({ field: path, type, detail }) =>
      path === "spec.selector" ? type !== "FieldValueRequired" && detail !== "" : true,
    ),
    ...nonNegative("spec.minReadySeconds", spec.minReadySeconds),
    ...validateUpdateStrategy(spec.updateStrategy ?? {}, "spec.updateStrategy"),
    ...nonNegative("spec.revisionHistoryLimit", spec.revisionHistoryLimit),
  ];
}

function validateUpdateStrategy({ type = "", rollingUpdate }: UpdateStrategy, path: string): FieldError[] {
  const at = `${path}.rollingUpdate`;
  if (type === "OnDelete") return [];
  if (type !== "RollingUpdate") {
    // Upstream prints its internal form.
    const shown = {
      Type: type,
      RollingUpdate:
        rollingUpdate === undefined
          ? null
          : { MaxUnavailable: rollingUpdate.maxUnavailable ?? 0, MaxSurge: rollingUpdate.maxSurge ?? 0 },
    };
    return [field.notSupported(path, shown, ["RollingUpdate", "OnDelete"])];
  }
  if (rollingUpdate === undefined) return [field.required(at, "")];
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate;
  const errors = [
    ...validateShare(maxUnavailable, `${at}.maxUnavailable`),
    ...validateShare(maxSurge, `${at}.maxSurge`),
  ];
  const missing = (numberOf(maxUnavailable) ?? 0) !== 0;
  const surplus = (numberOf(maxSurge) ?? 0) !== 0;
  if (!missing && !surplus)
    errors.push(field.required(`${at}.maxUnavailable`, "cannot be 0 when maxSurge is 0"));
  if (missing && surplus) {
    errors.push(field.invalid(`${at}.maxSurge`, maxSurge, "may not be set when maxUnavailable is non-zero"));
  }
  return errors;
}

const counts = [
  "currentNumberScheduled",
  "numberMisscheduled",
  "desiredNumberScheduled",
  "numberReady",
  "observedGeneration",
  "updatedNumberScheduled",
  "numberAvailable",
  "numberUnavailable",
  "collisionCount",
] as const;

function validateStatus(status: DaemonSetStatus, old: DaemonSetStatus): FieldError[] {
  const errors = counts.flatMap((name) => nonNegative(`status.${name}`, status[name]));
  if ((status.collisionCount ?? 0) < (old.collisionCount ?? 0)) {
    errors.push(field.invalid("status.collisionCount", status.collisionCount ?? 0, "cannot be decremented"));
  }
  return errors;
}

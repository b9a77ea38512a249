import {
  dns1123LabelErrors,
  type FieldError,
  field,
  parseQuantity,
  pathSegmentErrors,
} from "../../apimachinery/index.ts";
import { validateContainerResourceName } from "../rules/resource-names.ts";
import { complaints, nonNegativeQuantity } from "../rules/values.ts";
import {
  type HorizontalPodAutoscaler,
  type MetricPart,
  type MetricSource,
  type MetricSpec,
  type MetricTarget,
  metricParts,
  type ObjectRef,
  partOf,
  type ScalingPolicy,
  type ScalingRules,
} from "./types.ts";

/** pkg/apis/autoscaling/validation. */

const windowSecondsMax = 3600;
const periodSecondsMax = 1800;
const metricTypes = Object.keys(metricParts).sort();
const selectPolicies = ["Disabled", "Max", "Min"];
const policyTypes = ["Percent", "Pods"];

export function validateSpec({ spec }: HorizontalPodAutoscaler): FieldError[] {
  const { minReplicas: min, maxReplicas: max = 0, metrics, behavior } = spec;
  const errors: FieldError[] = [];
  if (min !== undefined && min < 1)
    errors.push(field.invalid("spec.minReplicas", min, "must be greater than or equal to 1"));
  if (max < 1) errors.push(field.invalid("spec.maxReplicas", max, "must be greater than 0"));
  if (min !== undefined && max < min)
    errors.push(field.invalid("spec.maxReplicas", max, "must be greater than or equal to `minReplicas`"));
  errors.push(...validateReference(spec.scaleTargetRef ?? {}, "spec.scaleTargetRef", { needsGroup: true }));
  (metrics ?? []).forEach((metric, i) => {
    errors.push(...validateMetric(metric, `spec.metrics[${i}]`));
  });
  const scalesToNothing = (metrics ?? []).some(({ type }) => type === "Object" || type === "External");
  if (min === 0 && !scalesToNothing) {
    const rule = "must specify at least one Object or External metric to support scaling to zero replicas";
    errors.push(field.forbidden("spec.metrics", rule));
  }
  errors.push(...validateRules(behavior?.scaleUp, "spec.behavior.scaleUp"));
  return [...errors, ...validateRules(behavior?.scaleDown, "spec.behavior.scaleDown")];
}

function validateReference(
  { apiVersion = "", kind = "", name = "" }: ObjectRef,
  path: string,
  { needsGroup }: { readonly needsGroup: boolean },
): FieldError[] {
  const segment = (value: string, at: string): FieldError[] =>
    value === "" ? [field.required(at, "")] : complaints(at, value, pathSegmentErrors(value));
  const errors = [...segment(kind, `${path}.kind`), ...segment(name, `${path}.name`)];
  const parts = apiVersion.split("/");
  if (parts.length > 2) {
    const problem = `unexpected GroupVersion string: ${apiVersion}`;
    errors.push(field.invalid(`${path}.apiVersion`, apiVersion, problem));
  } else if (needsGroup && parts.length === 1 && kind !== "ReplicationController") {
    errors.push(field.invalid(`${path}.apiVersion`, apiVersion, "apiVersion must specify API group"));
  }
  return errors;
}

/** In the order in which upstream looks at them. */
const sourceChecks: Readonly<Record<MetricPart, (source: MetricSource, path: string) => FieldError[]>> = {
  object: (source, path) => [
    ...validateReference(source.describedObject ?? {}, `${path}.describedObject`, { needsGroup: false }),
    ...validateMetricName(source, path),
    ...validateTarget(source.target, `${path}.target`),
    ...oneNeeded(source.target, "value", path, "must set either a target value or averageValue"),
  ],
  external: (source, path) => [
    ...validateMetricName(source, path),
    ...validateTarget(source.target, `${path}.target`),
    ...oneNeeded(
      source.target,
      "value",
      path,
      "must set either a target value for metric or a per-pod target",
    ),
    ...onlyOne(
      source.target,
      "value",
      `${path}.target.value`,
      "may not set both a target value for metric and a per-pod target",
    ),
  ],
  pods: (source, path) => [
    ...validateMetricName(source, path),
    ...validateTarget(source.target, `${path}.target`),
    ...(source.target.averageValue === undefined
      ? [field.required(`${path}.target.averageValue`, "must specify a positive target averageValue")]
      : []),
  ],
  resource: (source, path) => [
    ...(source.name ? [] : [field.required(`${path}.name`, "must specify a resource name")]),
    ...validateResourceTarget(source.target, path),
  ],
  containerResource: (source, path) => [
    ...(source.name
      ? validateContainerResourceName(source.name, `${path}.name`)
      : [field.required(`${path}.name`, "must specify a resource name")]),
    ...(source.container
      ? complaints(`${path}.container`, source.container, dns1123LabelErrors(source.container))
      : [field.required(`${path}.container`, "must specify a container")]),
    ...validateResourceTarget(source.target, path),
  ],
};

function validateMetric(metric: MetricSpec, path: string): FieldError[] {
  const { type = "" } = metric;
  const errors: FieldError[] = [];
  if (type === "") errors.push(field.required(`${path}.type`, "must specify a metric source type"));
  const unknown = field.notSupported(`${path}.type`, type, metricTypes);
  const expected = partOf(type);
  if (expected === undefined) errors.push(unknown);
  const parts = (Object.keys(sourceChecks) as MetricPart[]).filter((part) => metric[part] !== undefined);
  const [first] = parts;
  if (first !== undefined)
    errors.push(...sourceChecks[first](metric[first] as MetricSource, `${path}.${first}`));
  if (expected === undefined) errors.push(unknown);
  else if (metric[expected] === undefined)
    errors.push(
      field.required(`${path}.${expected}`, "must populate information for the given metric source"),
    );
  if (parts.length !== 1)
    for (const part of parts)
      if (part !== expected)
        errors.push(field.forbidden(`${path}.${part}`, "must populate the given metric source only"));
  return errors;
}

function validateMetricName({ metric }: MetricSource, path: string): FieldError[] {
  const name = metric?.name ?? "";
  const at = `${path}.metric.name`;
  return name === ""
    ? [field.required(at, "must specify a metric name")]
    : complaints(at, name, pathSegmentErrors(name));
}

const targetTypes = ["Utilization", "Value", "AverageValue"];

function validateTarget(target: MetricTarget, path: string): FieldError[] {
  const { type = "", averageUtilization } = target;
  const errors: FieldError[] = [];
  if (type === "") errors.push(field.required(`${path}.type`, "must specify a metric target type"));
  if (!targetTypes.includes(type))
    errors.push(field.invalid(`${path}.type`, type, "must be either Utilization, Value, or AverageValue"));
  for (const name of ["value", "averageValue"] as const) {
    const amount = target[name];
    if (amount !== undefined && parseQuantity(amount).nano <= 0n)
      errors.push(field.invalid(`${path}.${name}`, amount, "must be positive"));
  }
  if (averageUtilization !== undefined && averageUtilization < 1)
    errors.push(field.invalid(`${path}.averageUtilization`, averageUtilization, "must be greater than 0"));
  return errors;
}

type Alternative = "value" | "averageUtilization";

function oneNeeded(target: MetricTarget, other: Alternative, path: string, rule: string): FieldError[] {
  if (target[other] !== undefined || target.averageValue !== undefined) return [];
  const named = other === "value" ? "averageValue" : other;
  return [field.required(`${path}.target.${named}`, rule)];
}

function onlyOne(target: MetricTarget, other: Alternative, at: string, rule: string): FieldError[] {
  const both = target[other] !== undefined && target.averageValue !== undefined;
  return both ? [field.forbidden(at, rule)] : [];
}

function validateResourceTarget(target: MetricTarget, path: string): FieldError[] {
  const one = "must set either a target raw value or a target utilization";
  const both = "may not set both a target raw value and a target utilization";
  return [
    ...validateTarget(target, `${path}.target`),
    ...oneNeeded(target, "averageUtilization", path, one),
    ...onlyOne(target, "averageUtilization", `${path}.target.averageValue`, both),
  ];
}

function validateRules(rules: ScalingRules | undefined, path: string): FieldError[] {
  if (rules === undefined) return [];
  const { stabilizationWindowSeconds: window = 0, selectPolicy, policies, tolerance } = rules;
  const errors: FieldError[] = [];
  const at = `${path}.stabilizationWindowSeconds`;
  if (window < 0) errors.push(field.invalid(at, window, "must be greater than or equal to zero"));
  if (window > windowSecondsMax)
    errors.push(field.invalid(at, window, `must be less than or equal to ${windowSecondsMax}`));
  if (selectPolicy !== undefined && !selectPolicies.includes(selectPolicy))
    errors.push(field.notSupported(`${path}.selectPolicy`, selectPolicy, selectPolicies));
  if ((policies?.length ?? 0) === 0)
    errors.push(field.required(`${path}.policies`, "must specify at least one Policy"));
  policies?.forEach((policy, i) => {
    errors.push(...validatePolicy(policy, `${path}.policies[${i}]`));
  });
  if (tolerance !== undefined) errors.push(...nonNegativeQuantity(`${path}.tolerance`, tolerance));
  return errors;
}

function validatePolicy({ type = "", value = 0, periodSeconds = 0 }: ScalingPolicy, path: string) {
  const errors: FieldError[] = [];
  if (!policyTypes.includes(type)) errors.push(field.notSupported(`${path}.type`, type, policyTypes));
  if (value <= 0) errors.push(field.invalid(`${path}.value`, value, "must be greater than zero"));
  const at = `${path}.periodSeconds`;
  if (periodSeconds <= 0) errors.push(field.invalid(at, periodSeconds, "must be greater than zero"));
  if (periodSeconds > periodSecondsMax)
    errors.push(field.invalid(at, periodSeconds, `must be less than or equal to ${periodSecondsMax}`));
  return errors;
}

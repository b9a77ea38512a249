import {
  compareQuantities,
  type FieldError,
  field,
  type KubeObject,
  parseQuantity,
  type Quantity,
  qualifiedNameErrors,
  quantityMilliValue,
} from "../../apimachinery/index.ts";
import {
  mayOvercommit,
  validateContainerResourceName,
  validateResourceName,
} from "../rules/resource-names.ts";
import { complaints } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";

type Amounts = Record<string, string>;

/** core/v1 LimitRange: what single pods, containers and claims of a namespace may ask for. */
export interface LimitRange extends KubeObject {
  spec?: { limits?: LimitRangeItem[] | null };
}

interface LimitRangeItem {
  type?: string;
  max?: Amounts;
  min?: Amounts;
  default?: Amounts;
  defaultRequest?: Amounts;
  maxLimitRequestRatio?: Amounts;
}

const standardTypes: ReadonlySet<string> = new Set(["Pod", "Container", "PersistentVolumeClaim"]);

export const limitRangeStrategy: Strategy<LimitRange> = {
  namespaced: true,
  metadataOnUpdate: ["object"],
  allowCreateOnUpdate: true,
  prepareForCreate: (range) => {
    // Upstream names what came without a name after its uid's like.
    range.metadata.name ||= range.metadata.uid ?? "";
    return range;
  },
  validate: ({ spec }) => validateLimits(spec?.limits ?? []),
  validateUpdate: ({ spec }) => validateLimits(spec?.limits ?? []),
};

function validateLimits(limits: readonly LimitRangeItem[]): FieldError[] {
  const types = new Set<string>();
  return limits.flatMap((limit, i) => {
    const path = `spec.limits[${i}]`;
    const { type = "" } = limit;
    const errors = validateType(type, `${path}.type`);
    if (types.has(type)) errors.push(field.duplicate(`${path}.type`, type));
    types.add(type);
    return [...errors, ...validateLimit(type, limit, path)];
  });
}

function validateType(type: string, path: string): FieldError[] {
  const malformed = complaints(path, type, qualifiedNameErrors(type));
  if (malformed.length > 0 || type.includes("/") || standardTypes.has(type)) return malformed;
  return [field.invalid(path, type, "must be a standard limit type or fully qualified")];
}

function validateLimit(type: string, limit: LimitRangeItem, path: string): FieldError[] {
  const ofPods = type === "Pod";
  const validateName = ofPods || type === "Container" ? validateContainerResourceName : validateResourceName;
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const look = (part: "max" | "min" | "default" | "defaultRequest" | "maxLimitRequestRatio"): void => {
    for (const name of Object.keys(limit[part] ?? {})) {
      errors.push(...validateName(name, `${path}.${part}[${name}]`));
      names.add(name);
    }
  };
  look("max");
  look("min");
  for (const part of ["default", "defaultRequest"] as const) {
    if (!ofPods) look(part);
    else if (Object.keys(limit[part] ?? {}).length > 0)
      errors.push(field.forbidden(`${path}.${part}`, "may not be specified when `type` is 'Pod'"));
  }
  if (type === "PersistentVolumeClaim" && !limit.min?.["storage"] && !limit.max?.["storage"]) {
    const rule = "either minimum or maximum storage value is required, but neither was provided";
    errors.push(field.required(`${path}.limits`, rule));
  }
  look("maxLimitRequestRatio");
  for (const name of names) errors.push(...validateBounds(name, limit, ofPods, path));
  return errors;
}

/** One resource's numbers must not contradict each other. */
function validateBounds(name: string, limit: LimitRangeItem, ofPods: boolean, path: string): FieldError[] {
  const min = limit.min?.[name];
  const max = limit.max?.[name];
  const byDefault = ofPods ? undefined : limit.default?.[name];
  const request = ofPods ? undefined : limit.defaultRequest?.[name];
  const ratio = limit.maxLimitRequestRatio?.[name];
  const at = (part: string): string => `${path}.${part}[${name}]`;
  const errors: FieldError[] = [];
  const ordered = (low: Named, high: Named, part: string, shown: string | undefined): void => {
    if (low.amount === undefined || high.amount === undefined || !isMore(low.amount, high.amount)) return;
    const rule = `${low.name} value ${low.amount} is greater than ${high.name} value ${high.amount}`;
    errors.push(field.invalid(at(part), shown, rule));
  };
  ordered({ name: "min", amount: min }, { name: "max", amount: max }, "min", min);
  const asRequest = { name: "default request", amount: request };
  ordered({ name: "min", amount: min }, asRequest, "defaultRequest", request);
  ordered(asRequest, { name: "max", amount: max }, "defaultRequest", request);
  ordered(asRequest, { name: "default limit", amount: byDefault }, "defaultRequest", request);
  ordered({ name: "min", amount: min }, { name: "default", amount: byDefault }, "default", min);
  ordered({ name: "default", amount: byDefault }, { name: "max", amount: max }, "default", max);
  if (ratio !== undefined) errors.push(...validateRatio(ratio, min, max, at("maxLimitRequestRatio")));
  const bothDefaults = byDefault !== undefined && request !== undefined;
  if (bothDefaults && !mayOvercommit(name) && !isSame(byDefault, request)) {
    const rule = `default value ${byDefault} must equal to defaultRequest value ${request} in ${name}`;
    errors.push(field.invalid(at("defaultRequest"), request, rule));
  }
  return errors;
}

interface Named {
  readonly name: string;
  readonly amount: string | undefined;
}

const isMore = (a: string, b: string): boolean => compareQuantities(parseQuantity(a), parseQuantity(b)) > 0;
const isSame = (a: string, b: string): boolean => compareQuantities(parseQuantity(a), parseQuantity(b)) === 0;

function validateRatio(
  ratio: string,
  min: string | undefined,
  max: string | undefined,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (isMore("1", ratio)) errors.push(field.invalid(path, ratio, `ratio ${ratio} is less than 1`));
  if (min === undefined || max === undefined) return errors;
  const most = milli(parseQuantity(max)) / milli(parseQuantity(min));
  if (milli(parseQuantity(ratio)) / 1000 > most) {
    const rule = `ratio ${ratio} is greater than max/min = ${most.toFixed(6)}`;
    errors.push(field.invalid(path, ratio, rule));
  }
  return errors;
}

const milli = (quantity: Quantity): number => Number(quantityMilliValue(quantity));

import {
  type FieldError,
  field,
  type IntOrString,
  type KubeObject,
  type LabelSelector,
  pathSegmentErrors,
  validateLabelSelector,
} from "../../apimachinery/index.ts";
import { validateConditions } from "../rules/conditions.ts";
import { countWanted } from "../rules/replicas.ts";
import { numberOf, validateShare } from "../rules/shares.ts";
import { nonNegative } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";

/** policy/v1 PodDisruptionBudget: how many of the pods that `selector` selects must stay when somebody evicts. */
export interface PodDisruptionBudget extends KubeObject {
  spec?: {
    selector?: LabelSelector | null;
    minAvailable?: IntOrString;
    maxUnavailable?: IntOrString;
    unhealthyPodEvictionPolicy?: string;
  };
  status?: PodDisruptionBudgetStatus;
}

/** What the disruption controller keeps, and evictions count down. */
export interface PodDisruptionBudgetStatus {
  disruptionsAllowed?: number;
  currentHealthy?: number;
  desiredHealthy?: number;
  expectedPods?: number;
  observedGeneration?: number;
  /** Pods that an eviction has taken and that still run, and since when. */
  disruptedPods?: Record<string, string>;
  conditions?: unknown[];
}

const noStatus: PodDisruptionBudgetStatus = {
  currentHealthy: 0,
  desiredHealthy: 0,
  disruptionsAllowed: 0,
  expectedPods: 0,
};
const unhealthyPolicies = ["AlwaysAllow", "IfHealthyBudget"];

export const podDisruptionBudgetStrategy: Strategy<PodDisruptionBudget> = {
  namespaced: true,
  metadataOnUpdate: [],
  anyFinalizer: true,
  // Upstream checks the rest of its metadata nowhere.
  validateName: pathSegmentErrors,
  prepareForCreate: (budget) => {
    budget.status = noStatus;
    budget.metadata.generation = 1;
    return budget;
  },
  prepareForUpdate: (next, old) => {
    next.status = old.status ?? noStatus;
    return countWanted(next, old);
  },
  validate: validateSpec,
  validateUpdate: (next) => validateSpec(next),
  allowUnconditionalUpdate: false,
  resetFields: [["status"]],
  status: {
    prepareForUpdate: (next, old) => {
      if (old.spec === undefined) delete next.spec;
      else next.spec = old.spec;
      return next;
    },
    validateUpdate: ({ status = {} }) => [
      ...validateConditions(status.conditions ?? [], "status.conditions"),
      ...nonNegative("status.disruptionsAllowed", status.disruptionsAllowed),
      ...nonNegative("status.currentHealthy", status.currentHealthy),
      ...nonNegative("status.desiredHealthy", status.desiredHealthy),
      ...nonNegative("status.expectedPods", status.expectedPods),
    ],
    allowUnconditionalUpdate: false,
    resetFields: [["spec"]],
  },
  tableRow: (budget, now) => [
    nameOf(budget),
    String(budget.spec?.minAvailable ?? "N/A"),
    String(budget.spec?.maxUnavailable ?? "N/A"),
    budget.status?.disruptionsAllowed ?? 0,
    age(budget, now),
  ],
};

function validateSpec({ spec = {} }: PodDisruptionBudget): FieldError[] {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec;
  const errors: FieldError[] = [];
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    // Upstream prints its internal form.
    const shown = {
      MinAvailable: minAvailable,
      Selector: selector ?? null,
      MaxUnavailable: maxUnavailable,
      UnhealthyPodEvictionPolicy: policy ?? null,
    };
    errors.push(field.invalid("spec", shown, "minAvailable and maxUnavailable cannot be both set"));
  }
  if (minAvailable !== undefined) errors.push(...validateCount(minAvailable, "spec.minAvailable"));
  if (maxUnavailable !== undefined) errors.push(...validateCount(maxUnavailable, "spec.maxUnavailable"));
  if (selector) errors.push(...validateLabelSelector(selector, "spec.selector"));
  if (policy !== undefined && !unhealthyPolicies.includes(policy)) {
    errors.push(field.notSupported("spec.unhealthyPodEvictionPolicy", policy, unhealthyPolicies));
  }
  return errors;
}

function validateCount(value: IntOrString, path: string): FieldError[] {
  const errors = validateShare(value, path);
  if (typeof value === "string" && (numberOf(value) ?? 0) > 100) {
    errors.push(field.invalid(path, value, "must not be greater than 100%"));
  }
  return errors;
}

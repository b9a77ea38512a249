import { errors, type FieldError, field, type KubeObject } from "../../apimachinery/index.ts";
import { immutable } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";

interface PriorityClass extends KubeObject {
  value?: number;
  globalDefault?: boolean;
  preemptionPolicy?: string;
}

const systemPrefix = "system-";
const userValueMax = 1_000_000_000;
const preemptionPolicies = ["PreemptLowerPriority", "Never"];

/** The classes that every cluster has, and their values. */
const systemValues: ReadonlyMap<string, number> = new Map([
  ["system-cluster-critical", 2_000_000_000],
  ["system-node-critical", 2_000_001_000],
]);

const classes = { group: "scheduling.k8s.io", resource: "priorityclasses" };

/** A name for a priority of pods. That only one is the global default is admission's matter. */
export const priorityClassStrategy: Strategy<PriorityClass> = {
  namespaced: false,
  prepareForCreate: (priorityClass) => {
    priorityClass.metadata.generation = 1;
    return priorityClass;
  },
  validate,
  validateUpdate: (next, old) => [
    ...((next.value ?? 0) === (old.value ?? 0)
      ? []
      : [field.forbidden("value", "may not be changed in an update.")]),
    ...immutable("preemptionPolicy", next.preemptionPolicy, old.preemptionPolicy),
  ],
  keepOnDelete: ({ metadata: { name = "" } }) => {
    if (!systemValues.has(name)) return undefined;
    throw errors.forbidden(classes, name, "this is a system priority class and cannot be deleted");
  },
  tableRow: (priorityClass, now) => [
    nameOf(priorityClass),
    priorityClass.value ?? 0,
    priorityClass.globalDefault ?? false,
    age(priorityClass, now),
    priorityClass.preemptionPolicy ?? "",
  ],
};

function validate(priorityClass: PriorityClass): FieldError[] {
  const { value = 0, preemptionPolicy } = priorityClass;
  const found: FieldError[] = [];
  if (nameOf(priorityClass).startsWith(systemPrefix)) {
    const problem = systemProblem(priorityClass);
    if (problem !== undefined) {
      const rule = `priority class names with '${systemPrefix}' prefix are reserved for system use only`;
      found.push(field.forbidden("metadata.name", `${rule}. error: ${problem}`));
    }
  } else if (value > userValueMax) {
    found.push(
      field.forbidden("value", `maximum allowed value of a user defined priority is ${userValueMax}`),
    );
  }
  if (preemptionPolicy === "") found.push(field.required("preemptionPolicy", ""));
  else if (preemptionPolicy !== undefined && !preemptionPolicies.includes(preemptionPolicy)) {
    found.push(field.notSupported("preemptionPolicy", preemptionPolicy, preemptionPolicies));
  }
  return found;
}

/** Only the system's own classes have the system's names, as they are. */
function systemProblem(priorityClass: PriorityClass): string | undefined {
  const name = nameOf(priorityClass);
  const value = systemValues.get(name);
  if (value === undefined) return `${name} is not a known system priority class`;
  if (priorityClass.value !== value) return `value of ${name} PriorityClass must be ${value}`;
  if (priorityClass.globalDefault === true) return `globalDefault of ${name} PriorityClass must be false`;
  return undefined;
}

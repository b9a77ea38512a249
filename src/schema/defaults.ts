import type { GroupVersionKind, KubeObject } from "../apimachinery/index.ts";
import type { Defaulter, DefaultingContext } from "./defaulter.ts";
import { clusterDefaulters } from "./defaults-cluster.ts";
import { coreDefaulters } from "./defaults-core.ts";
import { podDefaulters } from "./defaults-pod.ts";
import { workloadDefaulters } from "./defaults-workloads.ts";
import { type TypeField, type TypeNode, typeOfKind } from "./types.ts";

/**
 * Defaulting as upstream does it: a function for a type (SetDefaults_*) wherever a value of that type stands, outer types first, and
 * the `+default` markers of fields. Types below which nothing can be defaulted are not looked at.
 */
const defaulters: Readonly<Record<string, Defaulter>> = {
  ...coreDefaulters,
  ...podDefaulters,
  ...workloadDefaulters,
  ...clusterDefaulters,
};

/**
 * Fills in what a decoded object leaves open. Changes the object in place and answers it. `now` is RFC 3339 seconds, for the few
 * defaults that are times.
 */
export function applyDefaults(kind: GroupVersionKind, object: KubeObject, now = ""): KubeObject {
  const type = typeOfKind(kind);
  if (type !== undefined) fill(type, object, { now });
  return object;
}

interface Plan {
  readonly defaulter: Defaulter | undefined;
  /** Fields with a default of their own that is not the type's zero. */
  readonly marked: readonly TypeField[];
  /** Fields below which there is something to do. */
  readonly inner: readonly TypeField[];
}

const plans = new WeakMap<TypeNode, Plan>();
const reaches = new WeakMap<TypeNode, boolean>();

function planOf(type: TypeNode): Plan {
  let plan = plans.get(type);
  if (plan === undefined) {
    plan = {
      defaulter: Object.hasOwn(defaulters, type.goName) ? defaulters[type.goName] : undefined,
      marked: type.fieldList.filter(hasDefault),
      inner: type.fieldList.filter((field) => reachesDefault(field.node, new Set())),
    };
    plans.set(type, plan);
  }
  return plan;
}

/** OpenAPI shows Go's zero values as defaults too; those are decoding's business. */
function hasDefault(field: TypeField): boolean {
  const value = field.default;
  return value !== undefined && value !== "" && value !== 0 && value !== false && typeof value !== "object";
}

function reachesDefault(type: TypeNode, visiting: Set<TypeNode>): boolean {
  const known = reaches.get(type);
  if (known !== undefined) return known;
  if (visiting.has(type)) return false;
  visiting.add(type);
  const element = type.items ?? type.values;
  const found =
    Object.hasOwn(defaulters, type.goName) ||
    (element !== undefined && reachesDefault(element, visiting)) ||
    type.fieldList.some((field) => hasDefault(field) || reachesDefault(field.node, visiting));
  visiting.delete(type);
  // What was cut short by a cycle is only known to lead nowhere at the top of the cycle.
  if (found || visiting.size === 0) reaches.set(type, found);
  return found;
}

// biome-ignore lint/suspicious/noExplicitAny: the type node says what a value is.
function fill(type: TypeNode, value: any, context: DefaultingContext): void {
  if (type.codec === "list") {
    if (Array.isArray(value)) for (const item of value) fill(type.items as TypeNode, item, context);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const plan = planOf(type);
  plan.defaulter?.(value, context);
  if (type.codec === "map") {
    const values = type.values as TypeNode;
    if (values.codec === "struct") for (const key of Object.keys(value)) fill(values, value[key], context);
    return;
  }
  for (const field of plan.marked) if (value[field.name] === undefined) value[field.name] = field.default;
  for (const field of plan.inner) {
    const inner = value[field.name];
    if (inner !== undefined && inner !== null) fill(field.node, inner, context);
  }
}

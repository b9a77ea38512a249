import {
  compareQuantities,
  type FieldError,
  field,
  type KubeObject,
  parseQuantity,
  quantityMilliValue,
} from "../../apimachinery/index.ts";
import { isCounted, isStandardQuotaResource, validateQuotaResourceName } from "../rules/resource-names.ts";
import { fieldIsImmutable, nonNegativeQuantity } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";

type Amounts = Record<string, string>;

/** core/v1 ResourceQuota: what all objects of a namespace together may take. */
export interface ResourceQuota extends KubeObject {
  spec?: ResourceQuotaSpec;
  status?: { hard?: Amounts; used?: Amounts };
}

interface ResourceQuotaSpec {
  hard?: Amounts;
  scopes?: string[] | null;
  scopeSelector?: { matchExpressions?: ScopeRequirement[] | null };
}

interface ScopeRequirement {
  scopeName?: string;
  operator?: string;
  values?: string[] | null;
}

export const resourceQuotaStrategy: Strategy<ResourceQuota> = {
  namespaced: true,
  returnDeletedObject: true,
  prepareForCreate: (quota) => {
    quota.status = {};
    return quota;
  },
  prepareForUpdate: (next, old) => {
    next.status = old.status ?? {};
    return next;
  },
  validate: ({ spec }) => validateSpec(spec ?? {}),
  validateUpdate: (next, old) => [...validateSpec(next.spec ?? {}), ...validateSameScopes(next, old)],
  warnings: ({ spec }) => requestsBeyondLimits(spec?.hard ?? {}),
  resetFields: [["status"]],
  status: {
    prepareForUpdate: (next, old) => {
      if (old.spec === undefined) delete next.spec;
      else next.spec = old.spec;
      return next;
    },
    validateUpdate: ({ status }) => [
      ...validateAmounts(status?.hard ?? {}, "status.hard"),
      ...validateAmounts(status?.used ?? {}, "status.used"),
    ],
    resetFields: [["spec"]],
  },
  tableRow: (quota, now) => {
    const { hard = {}, used = {} } = quota.status ?? {};
    const cell = (names: readonly string[]): string =>
      names.map((name) => `${name}: ${used[name] ?? "0"}/${hard[name]}`).join(", ");
    const names = Object.keys(hard).sort();
    const isLimit = (name: string): boolean => name.startsWith("limits.");
    return [
      nameOf(quota),
      cell(names.filter((name) => !isLimit(name))),
      cell(names.filter(isLimit)),
      age(quota, now),
    ];
  },
};

function validateSpec(spec: ResourceQuotaSpec): FieldError[] {
  return [
    ...validateAmounts(spec.hard ?? {}, "spec.hard"),
    ...validateScopes(spec),
    ...validateScopeSelector(spec),
  ];
}

function validateAmounts(amounts: Amounts, path: string): FieldError[] {
  return Object.entries(amounts).flatMap(([name, amount]) => {
    const at = `${path}[${name}]`;
    const errors = [...validateQuotaResourceName(name, at), ...nonNegativeQuantity(at, amount)];
    if (isCounted(name) && quantityMilliValue(parseQuantity(amount)) % 1000n !== 0n)
      errors.push(field.invalid(at, amount, "must be an integer"));
    return errors;
  });
}

const podCounts: ReadonlySet<string> = new Set(["pods"]);
const podResources: ReadonlySet<string> = new Set([
  "pods",
  "cpu",
  "memory",
  "limits.cpu",
  "limits.memory",
  "requests.cpu",
  "requests.memory",
]);
const claimResources: ReadonlySet<string> = new Set(["persistentvolumeclaims", "requests.storage"]);

/** What a quota of this scope may limit. */
const resourcesByScope: Readonly<Record<string, ReadonlySet<string>>> = {
  Terminating: podResources,
  NotTerminating: podResources,
  BestEffort: podCounts,
  NotBestEffort: podResources,
  PriorityClass: podResources,
  CrossNamespacePodAffinity: podResources,
  VolumeAttributesClass: claimResources,
};

/** Scopes without values: a selector can only ask whether they are there. */
const yesNoScopes: ReadonlySet<string> = new Set([
  "BestEffort",
  "NotBestEffort",
  "Terminating",
  "NotTerminating",
  "CrossNamespacePodAffinity",
]);

const isScope = (scope: string): boolean => Object.hasOwn(resourcesByScope, scope);

function misfits(scope: string, hard: Amounts | undefined): string[] {
  const allowed = isScope(scope) ? resourcesByScope[scope] : undefined;
  if (allowed === undefined) return [];
  return Object.keys(hard ?? {}).filter((name) => isStandardQuotaResource(name) && !allowed.has(name));
}

function conflict(scopes: ReadonlySet<string>): number {
  const both = (a: string, b: string): number => (scopes.has(a) && scopes.has(b) ? 1 : 0);
  return both("BestEffort", "NotBestEffort") + both("Terminating", "NotTerminating");
}

function validateScopes({ scopes, hard }: ResourceQuotaSpec): FieldError[] {
  if (!scopes || scopes.length === 0) return [];
  const path = "spec.scopes";
  const errors: FieldError[] = [];
  for (const scope of scopes) {
    if (!isScope(scope)) errors.push(field.invalid(path, scopes, "unsupported scope"));
    for (const _ of misfits(scope, hard))
      errors.push(field.invalid(path, scopes, "unsupported scope applied to resource"));
  }
  for (let i = conflict(new Set(scopes)); i > 0; i--)
    errors.push(field.invalid(path, scopes, "conflicting scopes"));
  return errors;
}

function validateScopeSelector({ scopeSelector, scopes, hard }: ResourceQuotaSpec): FieldError[] {
  if (scopeSelector === undefined) return [];
  const path = "spec.scopeSelector.matchExpressions";
  const requirements = scopeSelector.matchExpressions ?? [];
  const errors: FieldError[] = [];
  for (const requirement of requirements) {
    const { scopeName = "" } = requirement;
    if (!isScope(scopeName)) errors.push(field.invalid(`${path}.scopeName`, scopeName, "unsupported scope"));
    for (const _ of misfits(scopeName, hard))
      errors.push(field.invalid(path, shownSelector(requirements), "unsupported scope applied to resource"));
    errors.push(...validateRequirement(requirement, path));
  }
  for (let i = conflict(new Set(requirements.map(({ scopeName = "" }) => scopeName))); i > 0; i--)
    errors.push(field.invalid(path, scopes ?? null, "conflicting scopes"));
  return errors;
}

/** As upstream prints the selector in this one complaint: the names that Go has for the fields, and all of them. */
function shownSelector(requirements: readonly ScopeRequirement[]): object {
  return {
    MatchExpressions: requirements.map(({ scopeName = "", operator = "", values = null }) => ({
      ScopeName: scopeName,
      Operator: operator,
      Values: values,
    })),
  };
}

function validateRequirement({ scopeName = "", operator = "", values }: ScopeRequirement, path: string) {
  const errors: FieldError[] = [];
  if (yesNoScopes.has(scopeName) && operator !== "Exists") {
    const rule =
      "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
    errors.push(field.invalid(`${path}.operator`, operator, rule));
  }
  const count = values?.length ?? 0;
  if (operator === "In" || operator === "NotIn") {
    const rule = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
    if (count === 0) errors.push(field.required(`${path}.values`, rule));
  } else if (operator === "Exists" || operator === "DoesNotExist") {
    const rule = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
    if (count > 0) errors.push(field.invalid(`${path}.values`, values, rule));
  } else errors.push(field.invalid(`${path}.operator`, operator, "not a valid selector operator"));
  return errors;
}

function validateSameScopes(next: ResourceQuota, old: ResourceQuota): FieldError[] {
  const before = new Set(old.spec?.scopes ?? []);
  const after = new Set(next.spec?.scopes ?? []);
  if (before.size === after.size && [...before].every((scope) => after.has(scope))) return [];
  return [field.invalid("spec.scopes", next.spec?.scopes ?? null, fieldIsImmutable)];
}

function requestsBeyondLimits(hard: Amounts): string[] {
  return ["cpu", "memory", "storage", "ephemeral-storage"].flatMap((name) => {
    const bareCounts = name === "cpu" || name === "memory";
    const asked = hard[`requests.${name}`] === undefined && bareCounts ? name : `requests.${name}`;
    const request = hard[asked];
    const limit = hard[`limits.${name}`];
    if (request === undefined || limit === undefined) return [];
    if (compareQuantities(parseQuantity(request), parseQuantity(limit)) <= 0) return [];
    return [`ResourceQuota ${asked} (${request}) should be less than limits.${name} (${limit})`];
  });
}

import { type FieldError, field, type KubeObject } from "../../apimachinery/index.ts";

/** Sends requests of some subjects to a priority level. */
export interface FlowSchema extends KubeObject {
  spec: FlowSchemaSpec;
  status?: { conditions?: FlowCondition[] };
}

interface FlowSchemaSpec {
  priorityLevelConfiguration?: { name?: string };
  matchingPrecedence?: number;
  distinguisherMethod?: { type?: string };
  rules?: FlowRules[];
}

export interface FlowRules {
  subjects?: FlowSubject[];
  resourceRules?: FlowResourceRule[];
  nonResourceRules?: FlowNonResourceRule[];
}

export interface FlowSubject {
  kind?: string;
  user?: { name?: string };
  group?: { name?: string };
  serviceAccount?: { namespace?: string; name?: string };
}

export interface FlowResourceRule {
  verbs?: string[];
  apiGroups?: string[];
  resources?: string[];
  namespaces?: string[];
  clusterScope?: boolean;
}

export interface FlowNonResourceRule {
  verbs?: string[];
  nonResourceURLs?: string[];
}

/** How many requests of a kind may run at once, and how many may wait. */
export interface PriorityLevelConfiguration extends KubeObject {
  spec: PriorityLevelSpec;
  status?: { conditions?: FlowCondition[] };
}

export interface PriorityLevelSpec {
  type?: string;
  limited?: {
    nominalConcurrencyShares?: number;
    lendablePercent?: number;
    borrowingLimitPercent?: number;
    limitResponse?: {
      type?: string;
      queuing?: { queues?: number; handSize?: number; queueLengthLimit?: number };
    };
  };
  exempt?: { nominalConcurrencyShares?: number; lendablePercent?: number };
}

interface FlowCondition {
  type?: string;
  status?: string;
}

/** Conditions of both kinds: one of each type. */
export function validateFlowStatus({ status = {} }: FlowSchema | PriorityLevelConfiguration): FieldError[] {
  const types = new Set<string>();
  return (status.conditions ?? []).flatMap(({ type = "" }, i) => {
    const path = `status.conditions[${i}].type`;
    const errors = types.has(type) ? [field.duplicate(path, type)] : [];
    types.add(type);
    if (type === "") errors.push(field.required(path, ""));
    return errors;
  });
}

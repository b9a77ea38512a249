/**
 * The FlowSchemas and PriorityLevelConfigurations of every cluster: mandatory ones, which keep their contents, and suggested ones,
 * which belong to whoever changes them. Upstream's k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap.
 */
import type {
  FlowResourceRule,
  FlowRules,
  FlowSchema,
  FlowSubject,
  PriorityLevelConfiguration,
  PriorityLevelSpec,
} from "./types.ts";

/** `"true"`: the API server keeps the spec as it knows it. */
const autoUpdateAnnotation = "apf.kubernetes.io/autoupdate-spec";

function level(name: string, spec: PriorityLevelSpec): PriorityLevelConfiguration {
  return { metadata: { name, annotations: { [autoUpdateAnnotation]: "true" } }, spec };
}

interface Queues {
  readonly shares: number;
  readonly lendablePercent: number;
  readonly queues: number;
  readonly handSize: number;
}

function queued(name: string, { shares, lendablePercent, queues, handSize }: Queues) {
  return level(name, {
    type: "Limited",
    limited: {
      nominalConcurrencyShares: shares,
      lendablePercent,
      limitResponse: { type: "Queue", queuing: { queues, handSize, queueLengthLimit: 50 } },
    },
  });
}

export const mandatoryPriorityLevels: readonly PriorityLevelConfiguration[] = [
  level("exempt", { type: "Exempt", exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }),
  level("catch-all", {
    type: "Limited",
    limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: "Reject" } },
  }),
];

const suggestedPriorityLevels: readonly PriorityLevelConfiguration[] = [
  queued("system", { shares: 30, lendablePercent: 33, queues: 64, handSize: 6 }),
  queued("node-high", { shares: 40, lendablePercent: 25, queues: 64, handSize: 6 }),
  queued("leader-election", { shares: 10, lendablePercent: 0, queues: 16, handSize: 4 }),
  queued("workload-high", { shares: 40, lendablePercent: 50, queues: 128, handSize: 6 }),
  queued("workload-low", { shares: 100, lendablePercent: 90, queues: 128, handSize: 6 }),
  queued("global-default", { shares: 20, lendablePercent: 50, queues: 128, handSize: 6 }),
];

const groups = (...names: string[]): FlowSubject[] =>
  names.map((name) => ({ kind: "Group", group: { name } }));
const users = (...names: string[]): FlowSubject[] => names.map((name) => ({ kind: "User", user: { name } }));
const systemAccounts: FlowSubject[] = [
  { kind: "ServiceAccount", serviceAccount: { name: "*", namespace: "kube-system" } },
];
const everybody = groups("system:unauthenticated", "system:authenticated");
const nodes = groups("system:nodes");

const anyResource: FlowResourceRule = {
  verbs: ["*"],
  apiGroups: ["*"],
  resources: ["*"],
  clusterScope: true,
  namespaces: ["*"],
};
const anything = {
  resourceRules: [anyResource],
  nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
};

function schema(
  name: string,
  priorityLevel: string,
  matchingPrecedence: number,
  distinguisher: "ByUser" | "ByNamespace" | undefined,
  rules: FlowRules,
): FlowSchema {
  return {
    metadata: { name, annotations: { [autoUpdateAnnotation]: "true" } },
    spec: {
      priorityLevelConfiguration: { name: priorityLevel },
      matchingPrecedence,
      ...(distinguisher && { distinguisherMethod: { type: distinguisher } }),
      rules: [rules],
    },
  };
}

export const mandatoryFlowSchemas: readonly FlowSchema[] = [
  schema("exempt", "exempt", 1, undefined, { subjects: groups("system:masters"), ...anything }),
  schema("catch-all", "catch-all", 10_000, "ByUser", { subjects: everybody, ...anything }),
];

const leases: FlowResourceRule = {
  verbs: ["get", "create", "update"],
  apiGroups: ["coordination.k8s.io"],
  resources: ["leases"],
  namespaces: ["*"],
};

const suggestedFlowSchemas: readonly FlowSchema[] = [
  schema("probes", "exempt", 2, undefined, {
    subjects: everybody,
    nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/healthz", "/readyz", "/livez"] }],
  }),
  schema("system-leader-election", "leader-election", 100, "ByUser", {
    subjects: [...users("system:kube-controller-manager", "system:kube-scheduler"), ...systemAccounts],
    resourceRules: [leases],
  }),
  schema("system-node-high", "node-high", 400, "ByUser", {
    subjects: nodes,
    resourceRules: [
      {
        verbs: ["*"],
        apiGroups: [""],
        resources: ["nodes", "nodes/status"],
        clusterScope: true,
        namespaces: ["*"],
      },
      { ...leases, verbs: ["*"] },
    ],
  }),
  schema("system-nodes", "system", 500, "ByUser", { subjects: nodes, ...anything }),
  schema("kube-controller-manager", "workload-high", 800, "ByNamespace", {
    subjects: users("system:kube-controller-manager"),
    ...anything,
  }),
  schema("kube-scheduler", "workload-high", 800, "ByNamespace", {
    subjects: users("system:kube-scheduler"),
    ...anything,
  }),
  schema("kube-system-service-accounts", "workload-high", 900, "ByNamespace", {
    subjects: systemAccounts,
    ...anything,
  }),
  schema("service-accounts", "workload-low", 9000, "ByUser", {
    subjects: groups("system:serviceaccounts"),
    ...anything,
  }),
  schema("global-default", "global-default", 9900, "ByUser", { subjects: everybody, ...anything }),
];

/** All of them, for who makes them and keeps them. */
export const flowControlDefaults = {
  autoUpdateAnnotation,
  mandatory: { priorityLevels: mandatoryPriorityLevels, flowSchemas: mandatoryFlowSchemas },
  suggested: { priorityLevels: suggestedPriorityLevels, flowSchemas: suggestedFlowSchemas },
} as const;

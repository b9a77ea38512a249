import type { Defaulter } from "./defaulter.ts";

/** Kinds of the smaller groups: networking, storage, access, extension. */

const httpsPort = 443;

const servicePort: Defaulter = (value) => {
  value.port ??= httpsPort;
};

const webhook: Defaulter = (value) => {
  value.failurePolicy ??= "Fail";
  value.matchPolicy ??= "Equivalent";
  value.namespaceSelector ??= {};
  value.objectSelector ??= {};
  value.timeoutSeconds ??= 10;
};

const matchResources: Defaulter = (value) => {
  value.matchPolicy ??= "Equivalent";
  value.namespaceSelector ??= {};
  value.objectSelector ??= {};
};

const rbacGroup = "rbac.authorization.k8s.io";

const roleBinding: Defaulter = (value) => {
  if ((value.roleRef.apiGroup ?? "") === "") value.roleRef.apiGroup = rbacGroup;
};

const deviceRequest: Defaulter = (value) => {
  value.allocationMode ??= "ExactCount";
  if (value.allocationMode === "ExactCount") value.count ??= 1;
};

const customResourceDefinition: Defaulter = ({ spec, status }) => {
  const { names } = spec;
  if ((names.singular ?? "") === "") names.singular = (names.kind ?? "").toLowerCase();
  if ((names.listKind ?? "") === "" && (names.kind ?? "") !== "") names.listKind = `${names.kind}List`;
  spec.conversion ??= { strategy: "None" };
  const stored = (spec.versions ?? []).find((version: { storage?: boolean }) => version.storage === true);
  if (stored !== undefined && (status.storedVersions ?? []).length === 0)
    status.storedVersions = [stored.name];
};

const networkPolicy: Defaulter = ({ spec }) => {
  if (spec === undefined || (spec.policyTypes ?? []).length > 0) return;
  spec.policyTypes = (spec.egress ?? []).length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
};

const csiDriver: Defaulter = ({ spec }) => {
  spec.attachRequired ??= true;
  spec.podInfoOnMount ??= false;
  spec.storageCapacity ??= false;
  spec.fsGroupPolicy ??= "ReadWriteOnceWithFSType";
  if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ["Persistent"];
  spec.requiresRepublish ??= false;
  spec.seLinuxMount ??= false;
};

export const clusterDefaulters: Readonly<Record<string, Defaulter>> = {
  "admissionregistration.k8s.io/v1.ValidatingWebhook": webhook,
  "admissionregistration.k8s.io/v1.MutatingWebhook": (value, context) => {
    webhook(value, context);
    value.reinvocationPolicy ??= "Never";
  },
  "admissionregistration.k8s.io/v1.MatchResources": matchResources,
  "admissionregistration.k8s.io/v1.RuleWithOperations": (value) => {
    value.scope ??= "*";
  },
  "admissionregistration.k8s.io/v1.NamedRuleWithOperations": (value) => {
    value.scope ??= "*";
  },
  "admissionregistration.k8s.io/v1.ValidatingAdmissionPolicySpec": (value) => {
    value.failurePolicy ??= "Fail";
  },
  "admissionregistration.k8s.io/v1.ServiceReference": servicePort,
  "apiextensions.k8s.io/v1.ServiceReference": servicePort,
  "apiextensions.k8s.io/v1.CustomResourceDefinition": customResourceDefinition,
  "apiregistration.k8s.io/v1.ServiceReference": servicePort,
  "authentication/v1.TokenRequestSpec": (value) => {
    value.expirationSeconds ??= 3600;
  },
  "discovery.k8s.io/v1.EndpointPort": (value) => {
    value.name ??= "";
    value.protocol ??= "TCP";
  },
  "networking.k8s.io/v1.NetworkPolicy": networkPolicy,
  "networking.k8s.io/v1.NetworkPolicyPort": (value) => {
    value.protocol ??= "TCP";
  },
  "networking.k8s.io/v1.IngressClass": ({ spec }) => {
    if (spec?.parameters !== undefined) spec.parameters.scope ??= "Cluster";
  },
  "rbac.authorization.k8s.io/v1.RoleBinding": roleBinding,
  "rbac.authorization.k8s.io/v1.ClusterRoleBinding": roleBinding,
  "rbac.authorization.k8s.io/v1.Subject": (value) => {
    if (value.kind === "User" || value.kind === "Group") value.apiGroup ??= rbacGroup;
  },
  "resource.k8s.io/v1.ExactDeviceRequest": deviceRequest,
  "resource.k8s.io/v1.DeviceSubRequest": deviceRequest,
  "resource.k8s.io/v1.DeviceTaint": (value, { now }) => {
    if (now !== "") value.timeAdded ??= now;
  },
  "scheduling.k8s.io/v1.PriorityClass": (value) => {
    value.preemptionPolicy ??= "PreemptLowerPriority";
  },
  "storage.k8s.io/v1.StorageClass": (value) => {
    value.reclaimPolicy ??= "Delete";
    value.volumeBindingMode ??= "Immediate";
  },
  "storage.k8s.io/v1.CSIDriver": csiDriver,
  "flowcontrol.apiserver.k8s.io/v1.FlowSchemaSpec": (value) => {
    if ((value.matchingPrecedence ?? 0) === 0) value.matchingPrecedence = 1_000;
  },
  "flowcontrol.apiserver.k8s.io/v1.ExemptPriorityLevelConfiguration": (value) => {
    value.nominalConcurrencyShares ??= 0;
    value.lendablePercent ??= 0;
  },
  "flowcontrol.apiserver.k8s.io/v1.LimitedPriorityLevelConfiguration": (value) => {
    value.nominalConcurrencyShares ??= 30;
    value.lendablePercent ??= 0;
  },
  "flowcontrol.apiserver.k8s.io/v1.QueuingConfiguration": (value) => {
    value.handSize ||= 8;
    value.queues ||= 64;
    value.queueLengthLimit ||= 50;
  },
};

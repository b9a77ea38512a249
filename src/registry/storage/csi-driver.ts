import { deepEqual, type FieldError, field, type KubeObject } from "../../apimachinery/index.ts";
import { immutable } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf, none } from "../tables/cells.ts";

/** storage.k8s.io/v1 CSIDriver: what a storage driver can do and wants to be told. */
interface CsiDriver extends KubeObject {
  spec: CsiDriverSpec;
}

interface CsiDriverSpec {
  attachRequired?: boolean;
  podInfoOnMount?: boolean;
  storageCapacity?: boolean;
  fsGroupPolicy?: string;
  tokenRequests?: TokenRequest[] | null;
  requiresRepublish?: boolean;
  volumeLifecycleModes?: string[] | null;
  seLinuxMount?: boolean;
  nodeAllocatableUpdatePeriodSeconds?: number;
  serviceAccountTokenInSecrets?: boolean;
}

interface TokenRequest {
  audience?: string;
  expirationSeconds?: number;
}

const groupPolicies = ["File", "None", "ReadWriteOnceWithFSType"];
const lifecycleModes = ["Persistent", "Ephemeral"];
const updatePeriodMin = 10;
const tokenSeconds = { min: 10 * 60, max: 2 ** 32 };

export const csiDriverStrategy: Strategy<CsiDriver> = {
  namespaced: false,
  returnDeletedObject: true,
  allowUnconditionalUpdate: false,
  prepareForUpdate: (next, old) => {
    if (!deepEqual(next.spec, old.spec)) next.metadata.generation = (old.metadata.generation ?? 0) + 1;
    return next;
  },
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: (next, old) => [
    ...validateSpec(next.spec),
    ...immutable("spec.attachedRequired", next.spec.attachRequired, old.spec.attachRequired),
    ...immutable("spec.volumeLifecycleModes", next.spec.volumeLifecycleModes, old.spec.volumeLifecycleModes),
  ],
  warnings: ({ spec }) => warnings(spec),
  warningsOnUpdate: (next, old) =>
    deepEqual(next.spec.tokenRequests, old.spec.tokenRequests) ? [] : warnings(next.spec),
  tableRow: (driver, now) => {
    const { spec } = driver;
    return [
      nameOf(driver),
      spec.attachRequired ?? true,
      spec.podInfoOnMount ?? false,
      spec.storageCapacity ?? false,
      spec.tokenRequests?.map(({ audience = "" }) => audience).join(",") ?? "<unset>",
      spec.requiresRepublish ?? false,
      spec.volumeLifecycleModes?.join(",") || none,
      age(driver, now),
    ];
  },
};

function validateSpec(spec: CsiDriverSpec): FieldError[] {
  const errors: FieldError[] = [];
  const needs = (value: unknown, name: string): void => {
    if (value === undefined) errors.push(field.required(`spec.${name}`, ""));
  };
  needs(spec.attachRequired, "attachedRequired");
  needs(spec.podInfoOnMount, "podInfoOnMount");
  needs(spec.storageCapacity, "storageCapacity");
  const { fsGroupPolicy: policy, nodeAllocatableUpdatePeriodSeconds: period } = spec;
  if (policy !== undefined && !groupPolicies.includes(policy))
    errors.push(field.notSupported("spec.fsGroupPolicy", policy, groupPolicies));
  errors.push(...validateTokens(spec.tokenRequests ?? []));
  for (const mode of spec.volumeLifecycleModes ?? []) {
    if (!lifecycleModes.includes(mode))
      errors.push(field.notSupported("spec.volumeLifecycleModes", mode, lifecycleModes));
  }
  needs(spec.seLinuxMount, "seLinuxMount");
  if (period !== undefined && period < updatePeriodMin) {
    const rule = `must be greater than or equal to ${updatePeriodMin} seconds`;
    errors.push(field.invalid("spec.nodeAllocatableUpdatePeriodSeconds", period, rule));
  }
  const inSecrets = spec.serviceAccountTokenInSecrets;
  if (inSecrets !== undefined && (spec.tokenRequests?.length ?? 0) === 0) {
    const rule = "serviceAccountTokenInSecrets is set but no tokenRequests are specified";
    errors.push(field.invalid("spec.serviceAccountTokenInSecrets", inSecrets, rule));
  }
  return errors;
}

function validateTokens(requests: readonly TokenRequest[]): FieldError[] {
  const audiences = new Set<string>();
  return requests.flatMap(({ audience = "", expirationSeconds: seconds }, i) => {
    const path = `spec.tokenRequests[${i}]`;
    if (audiences.has(audience)) return [field.duplicate(`${path}.audience`, audience)];
    audiences.add(audience);
    const at = `${path}.expirationSeconds`;
    if (seconds === undefined) return [];
    if (seconds < tokenSeconds.min)
      return [field.invalid(at, seconds, "may not specify a duration less than 10 minutes")];
    if (seconds > tokenSeconds.max)
      return [field.invalid(at, seconds, "may not specify a duration larger than 2^32 seconds")];
    return [];
  });
}

function warnings({ tokenRequests, serviceAccountTokenInSecrets }: CsiDriverSpec): string[] {
  if ((tokenRequests?.length ?? 0) === 0 || serviceAccountTokenInSecrets !== undefined) return [];
  const advice =
    "if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes";
  return [`spec.serviceAccountTokenInSecrets is unset; ${advice}`];
}

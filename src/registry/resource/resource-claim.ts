import { deepEqual, errors, type FieldError, field, type KubeObject } from "../../apimachinery/index.ts";
import { internalForm } from "../../schema/index.ts";
import { StorageError } from "../../storage/index.ts";
import { validateTemplateMetadata } from "../rules/template-metadata.ts";
import { fieldIsImmutable } from "../rules/values.ts";
import { ofAnyKind, type StrategyDeps, type StrategySource } from "../strategies.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";
import { validateClaimSpec } from "./claim-spec.ts";
import { validateClaimStatus } from "./claim-status.ts";
import { loadDeviceExpressions } from "./device-expressions.ts";
import type { ClaimSpec, ExactRequest, ResourceClaim, ResourceClaimTemplate } from "./types.ts";

const group = "resource.k8s.io";

export const resourceClaimStrategy: StrategySource = (deps) => {
  const strategy: Strategy<ResourceClaim> = {
    namespaced: true,
    metadataOnUpdate: ["object", "changes"],
    prepareForCreate: (claim) => ({ ...claim, spec: withoutAlphaFields(claim.spec), status: {} }),
    prepareForUpdate: (next, old) => ({
      ...next,
      spec: withoutAlphaFields(next.spec),
      status: old.status ?? {},
    }),
    beginCreate: async (claim) => {
      await refuseAdminAccess(deps, "ResourceClaim", claim, claim.spec);
      return loadDeviceExpressions();
    },
    validate: ({ spec }) => validateClaimSpec(spec, "spec"),
    validateUpdate: (next, old) => sameSpec("ResourceClaimSpec", next.spec, old.spec),
    resetFields: [["status"]],
    returnDeletedObject: true,
    status: {
      withoutTable: true,
      prepareForUpdate: (next, old) => {
        const { managedFields } = next.metadata;
        next.metadata = { ...old.metadata, ...(managedFields && { managedFields }) };
        next.spec = old.spec;
        return dropDeallocated(next, old);
      },
      validateUpdate: validateClaimStatus,
      resetFields: [["metadata"], ["spec"]],
    },
    tableRow: (claim, now) => [nameOf(claim), stateOf(claim), age(claim, now)],
  };
  return ofAnyKind(strategy);
};

/** What claims of pods are made of. */
export const resourceClaimTemplateStrategy: StrategySource = (deps) => {
  const strategy: Strategy<ResourceClaimTemplate> = {
    namespaced: true,
    metadataOnUpdate: ["object", "changes"],
    prepareForCreate: plainTemplate,
    prepareForUpdate: plainTemplate,
    beginCreate: async (template) => {
      await refuseAdminAccess(deps, "ResourceClaimTemplate", template, template.spec.spec);
      return loadDeviceExpressions();
    },
    validate: validateTemplate,
    validateUpdate: (next, old) => [
      ...validateTemplate(next),
      ...sameSpec("ResourceClaimTemplateSpec", next.spec, old.spec),
    ],
    returnDeletedObject: true,
    tableRow: (template, now) => [nameOf(template), age(template, now)],
  };
  return ofAnyKind(strategy);
};

const validateTemplate = ({ spec }: ResourceClaimTemplate): FieldError[] => [
  ...validateTemplateMetadata(spec.metadata ?? {}, "spec.metadata"),
  ...validateClaimSpec(spec.spec, "spec.spec"),
];

const plainTemplate = (template: ResourceClaimTemplate): ResourceClaimTemplate => ({
  ...template,
  spec: { ...template.spec, spec: withoutAlphaFields(template.spec.spec) },
});

/** Upstream prints its internal form. */
function sameSpec(
  type: "ResourceClaimSpec" | "ResourceClaimTemplateSpec",
  next: object,
  old: object,
): FieldError[] {
  return deepEqual(next, old) ? [] : [field.invalid("spec", internalForm(type, next), fieldIsImmutable)];
}

/** Upstream leaves out what belongs to features that are off by default: tolerations, capacities, distinct attributes. */
function withoutAlphaFields(spec: ClaimSpec): ClaimSpec {
  const { devices } = spec;
  if (devices === undefined) return spec;
  const plain = <T extends ExactRequest>({ tolerations: _, capacity: __, ...request }: T) => request;
  return {
    ...spec,
    devices: {
      ...devices,
      ...(devices.requests && {
        requests: devices.requests.map((request) => ({
          ...request,
          ...(request.exactly && { exactly: plain(request.exactly) }),
          ...(request.firstAvailable && { firstAvailable: request.firstAvailable.map(plain) }),
        })),
      }),
      ...(devices.constraints && {
        constraints: devices.constraints.map(({ distinctAttribute: _, ...constraint }) => constraint),
      }),
    },
  };
}

/** A device's state goes with its allocation. */
function dropDeallocated(next: ResourceClaim, old: ResourceClaim): ResourceClaim {
  const { devices, ...status } = next.status ?? {};
  if (devices === undefined || old.status?.devices === undefined) return next;
  const allocated = status.allocation?.devices?.results ?? [];
  const kept = devices.filter((device) =>
    allocated.some(
      (other) =>
        other.driver === device.driver && other.pool === device.pool && other.device === device.device,
    ),
  );
  return { ...next, status: kept.length === 0 ? status : { ...status, devices: kept } };
}

function stateOf({ metadata, status = {} }: ResourceClaim): string {
  const deleted = metadata.deletionTimestamp !== undefined;
  const states = deleted ? ["deleted"] : [];
  if (status.allocation === undefined) {
    if (!deleted) states.push("pending");
  } else {
    states.push("allocated");
    if ((status.reservedFor ?? []).length > 0) states.push("reserved");
  }
  return states.join(",");
}

const adminLabel = "resource.kubernetes.io/admin-access";

/** Devices that others use may only be claimed where the namespace says so. @throws StatusError */
async function refuseAdminAccess(
  { storageOf }: StrategyDeps,
  kind: string,
  object: KubeObject,
  { devices = {} }: ClaimSpec,
): Promise<void> {
  const asking = (devices.requests ?? []).findIndex(({ exactly }) => exactly?.adminAccess === true);
  if (asking === -1) return;
  const { storage, keyPrefix } = storageOf({ group: "", resource: "namespaces" });
  let labels: Record<string, string> = {};
  try {
    const { object: namespace } = await storage.get(`${keyPrefix}${object.metadata.namespace ?? ""}`);
    labels = namespace.metadata.labels ?? {};
  } catch (error) {
    if (!(error instanceof StorageError && error.code === "KEY_NOT_FOUND")) throw error;
  }
  if (labels[adminLabel] === "true") return;
  const path = `spec.devices.requests[${asking}].adminAccess`;
  const rule = `admin access to devices requires the \`${adminLabel}: true\` label on the containing namespace`;
  throw errors.invalid({ group, kind }, nameOf(object), [field.forbidden(path, rule)]);
}

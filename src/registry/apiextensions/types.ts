import type { KubeObject, WebhookClientConfig } from "../../apimachinery/index.ts";
import type { JsonSchemaProps } from "../../schema/index.ts";

/** apiextensions.k8s.io/v1 CustomResourceDefinition, decoded and with its defaults. */
export interface CustomResourceDefinition extends KubeObject {
  spec: DefinitionSpec;
  status?: DefinitionStatus;
}

export interface DefinitionSpec {
  readonly group: string;
  readonly names: DefinitionNames;
  readonly scope: string;
  readonly versions: readonly DefinitionVersion[];
  readonly conversion?: Conversion;
  readonly preserveUnknownFields?: boolean;
}

export interface DefinitionNames {
  readonly plural: string;
  readonly singular?: string;
  readonly shortNames?: readonly string[];
  readonly kind: string;
  readonly listKind?: string;
  readonly categories?: readonly string[];
}

export interface DefinitionVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly deprecated?: boolean;
  readonly deprecationWarning?: string;
  readonly schema?: { readonly openAPIV3Schema?: JsonSchemaProps };
  readonly subresources?: Subresources;
  readonly additionalPrinterColumns?: readonly PrinterColumn[];
  readonly selectableFields?: readonly { readonly jsonPath: string }[];
}

export interface Subresources {
  readonly status?: object;
  readonly scale?: ScalePaths;
}

export interface ScalePaths {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath?: string;
}

export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description?: string;
  readonly priority?: number;
  readonly jsonPath: string;
}

export interface Conversion {
  readonly strategy: string;
  readonly webhook?: {
    readonly clientConfig?: WebhookClientConfig;
    readonly conversionReviewVersions?: readonly string[];
  };
}

export interface DefinitionStatus {
  conditions?: DefinitionCondition[];
  acceptedNames?: DefinitionNames;
  storedVersions?: string[];
}

export type ConditionType =
  | "NamesAccepted"
  | "Established"
  | "NonStructuralSchema"
  | "Terminating"
  | "KubernetesAPIApprovalPolicyConformant";

export interface DefinitionCondition {
  type: ConditionType;
  status: "True" | "False" | "Unknown";
  lastTransitionTime?: string;
  reason?: string;
  message?: string;
}

/** Keeps a CRD until its objects are gone. */
export const cleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";

/** Of Terminating, between the request to delete a CRD and the deletion of its objects. */
export const pendingDeletion = {
  reason: "InstanceDeletionPending",
  message: "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
} as const;

export const definitionsResource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  resource: "customresourcedefinitions",
} as const;

export function condition(
  definition: CustomResourceDefinition,
  type: ConditionType,
): DefinitionCondition | undefined {
  return definition.status?.conditions?.find((present) => present.type === type);
}

export function isTrue(definition: CustomResourceDefinition, type: ConditionType): boolean {
  return condition(definition, type)?.status === "True";
}

/** The conditions with one set; its time moves only when its status does. */
export function withCondition(
  conditions: readonly DefinitionCondition[],
  next: Omit<DefinitionCondition, "lastTransitionTime">,
  now: string,
): DefinitionCondition[] {
  const present = conditions.find(({ type }) => type === next.type);
  if (present === undefined) return [...conditions, { ...next, lastTransitionTime: now }];
  const lastTransitionTime = present.status === next.status ? (present.lastTransitionTime ?? now) : now;
  return conditions.map((other) => (other === present ? { ...next, lastTransitionTime } : other));
}

/** The version whose form is stored; there is exactly one in a valid CRD. */
export function storageVersion({ versions }: DefinitionSpec): DefinitionVersion | undefined {
  // Null where a client gave none, which validation refuses.
  return versions?.find(({ storage }) => storage);
}

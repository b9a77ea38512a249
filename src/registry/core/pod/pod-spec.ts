import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  rangeError,
  validateAnnotations,
  validateLabels,
} from "../../../apimachinery/index.ts";
import { internalForm } from "../../../schema/index.ts";
import { complaints, oneOf } from "../../rules/values.ts";
import { validateContainers, validateEphemeralContainers, validateInitContainers } from "./containers.ts";
import {
  validateDnsConfig,
  validateHostAliases,
  validateHostnameOverride,
  validateHostnames,
} from "./dns.ts";
import { validateFileVolumes } from "./env.ts";
import { validatePodAnnotations } from "./pod-annotations.ts";
import { validatePodResources, validateResources } from "./resources.ts";
import { validateAffinity, validateGates, validateSpread, validateTolerations } from "./scheduling.ts";
import { validateHostNetwork, validateHostUsers, validatePodSecurity } from "./security.ts";
import type { PodResourceClaim, PodSpec, PodTemplate } from "./types.ts";
import { checkVolumes } from "./volumes.ts";
import { validateHostProcess, validateOs } from "./windows.ts";

const restartPolicies = ["Always", "OnFailure", "Never"];
const dnsPolicies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
const int32Max = 2 ** 31 - 1;

interface PodSpecPlace {
  /** Of a pod that stands for itself; undefined in a template, whose pods have no names yet. */
  readonly podName?: string | undefined;
  /** What stood there before: some of what is there may stay, though nobody may set it anew. */
  readonly old?: PodSpec | undefined;
}

/** Upstream's ValidatePodSpec, in its order: what a person sees first is what the first rule says. */
export function validatePodSpec(
  spec: PodSpec,
  path: string,
  { podName, old }: PodSpecPlace = {},
): FieldError[] {
  const volumes = checkVolumes(spec.volumes ?? [], `${path}.volumes`, podName);
  const { byName } = volumes;
  return [
    ...volumes.errors,
    ...validateResourceClaims(spec.resourceClaims ?? [], `${path}.resourceClaims`),
    ...validateContainers(spec, byName, `${path}.containers`),
    ...validateInitContainers(spec, byName, `${path}.initContainers`),
    ...validateEphemeralContainers(spec, byName, `${path}.ephemeralContainers`),
    ...validatePodResources(spec, path),
    ...validateHostNetwork(spec, path, podName !== undefined),
    ...oneOf(`${path}.restartPolicy`, spec.restartPolicy, restartPolicies),
    ...oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, dnsPolicies),
    ...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
    ...validatePodSecurity(spec, path, old),
    ...validateAffinity(spec.affinity, `${path}.affinity`),
    ...validateDnsConfig(spec, `${path}.dnsConfig`),
    ...validateGates(spec, path),
    ...validateSpread(spec.topologySpreadConstraints ?? [], `${path}.topologySpreadConstraints`),
    ...validateHostProcess(spec, path),
    ...validateHostUsers(spec, path),
    ...validateHostnameOverride(spec, path),
    ...validateNames(spec, path),
    ...validateHostnames(spec, path),
    ...validateTolerations(spec.tolerations ?? [], `${path}.tolerations`),
    ...validateHostAliases(spec, `${path}.hostAliases`),
    ...validateClasses(spec, path),
    ...(spec.overhead === undefined
      ? []
      : validateResources({ limits: spec.overhead }, `${path}.overhead`, [])),
    ...validateOs(spec, path),
    ...validateFileVolumes(spec, path),
  ];
}

function validateNames(spec: PodSpec, path: string): FieldError[] {
  const { serviceAccountName, nodeName, activeDeadlineSeconds } = spec;
  const errors: FieldError[] = [];
  if (serviceAccountName) {
    errors.push(
      ...complaints(
        `${path}.serviceAccountName`,
        serviceAccountName,
        dns1123SubdomainErrors(serviceAccountName),
      ),
    );
  }
  if (nodeName) errors.push(...complaints(`${path}.nodeName`, nodeName, dns1123SubdomainErrors(nodeName)));
  if (
    activeDeadlineSeconds !== undefined &&
    (activeDeadlineSeconds < 1 || activeDeadlineSeconds > int32Max)
  ) {
    errors.push(
      field.invalid(`${path}.activeDeadlineSeconds`, activeDeadlineSeconds, rangeError(1, int32Max)),
    );
  }
  return errors;
}

function validateResourceClaims(claims: readonly PodResourceClaim[], path: string): FieldError[] {
  const names = new Set<string>();
  return claims.flatMap(({ name, resourceClaimName, resourceClaimTemplateName }, i) => {
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    if (name === "") errors.push(field.required(`${at}.name`, ""));
    else if (names.has(name)) errors.push(field.duplicate(`${at}.name`, name));
    else errors.push(...complaints(`${at}.name`, name, dns1123LabelErrors(name)));
    names.add(name);
    const given = { resourceClaimName, resourceClaimTemplateName };
    const count = Object.values(given).filter((value) => value !== undefined).length;
    if (count !== 1) {
      const rule =
        count === 0
          ? "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
          : "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified";
      const shown = internalForm("PodResourceClaim", { name, ...given });
      errors.push(field.invalid(at, shown, rule));
    }
    for (const [part, value] of Object.entries(given))
      if (value !== undefined)
        errors.push(...complaints(`${at}.${part}`, value, dns1123SubdomainErrors(value)));
    return errors;
  });
}

const preemptionPolicies = ["PreemptLowerPriority", "Never"];

function validateClasses(
  { priorityClassName, runtimeClassName, preemptionPolicy }: PodSpec,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (priorityClassName) {
    errors.push(
      ...complaints(
        `${path}.priorityClassName`,
        priorityClassName,
        dns1123SubdomainErrors(priorityClassName),
      ),
    );
  }
  if (runtimeClassName !== undefined) {
    errors.push(
      ...complaints(`${path}.runtimeClassName`, runtimeClassName, dns1123SubdomainErrors(runtimeClassName)),
    );
  }
  if (preemptionPolicy !== undefined) {
    errors.push(...oneOf(`${path}.preemptionPolicy`, preemptionPolicy, preemptionPolicies));
  }
  return errors;
}

const noSpec: PodSpec = { containers: null };

/** Labels and annotations of the template at `path`. */
export function validateTemplateMeta(
  { metadata, spec = noSpec }: PodTemplate = {},
  path: string,
): FieldError[] {
  return [
    ...validateLabels(metadata?.labels, `${path}.labels`),
    ...validateAnnotations(metadata?.annotations, `${path}.annotations`),
    ...validatePodAnnotations(metadata?.annotations, spec, `${path}.annotations`),
  ];
}

/** The template of a workload's pods. */
export function validatePodTemplate(template: PodTemplate, path: string): FieldError[] {
  const { spec = noSpec } = template;
  const errors = [...validateTemplateMeta(template, path), ...validatePodSpec(spec, `${path}.spec`)];
  if ((spec.ephemeralContainers?.length ?? 0) > 0) {
    errors.push(
      field.forbidden(`${path}.spec.ephemeralContainers`, "ephemeral containers not allowed in pod template"),
    );
  }
  return errors;
}

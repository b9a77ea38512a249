import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  ipErrors,
  rangeError,
  validateAnnotations,
  validateLabels,
} from "../../../apimachinery/index.ts";
import { complaints, oneOf } from "../../rules/values.ts";
import { validateContainers, validateEphemeralContainers, validateInitContainers } from "./containers.ts";
import { validateAffinity, validateGates, validateSpread, validateTolerations } from "./scheduling.ts";
import { validatePodSecurity } from "./security.ts";
import type { PodSpec, PodTemplate } from "./types.ts";
import { validateVolumes } from "./volumes.ts";

const restartPolicies = ["Always", "OnFailure", "Never"];
const dnsPolicies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
const int32Max = 2 ** 31 - 1;

/** Upstream's ValidatePodSpec, in its order: what a person sees first is what the first rule says. */
export function validatePodSpec(spec: PodSpec, path: string): FieldError[] {
  const volumes = spec.volumes ?? [];
  const volumeNames = new Set(volumes.map(({ name }) => name));
  return [
    ...validateVolumes(volumes, `${path}.volumes`),
    ...validateContainers(spec, volumeNames, `${path}.containers`),
    ...validateInitContainers(spec, volumeNames, `${path}.initContainers`),
    ...validateEphemeralContainers(spec, volumeNames, `${path}.ephemeralContainers`),
    ...oneOf(`${path}.restartPolicy`, spec.restartPolicy, restartPolicies),
    ...oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, dnsPolicies),
    ...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
    ...validatePodSecurity(spec, path),
    ...validateAffinity(spec.affinity, `${path}.affinity`),
    ...validateGates(spec, path),
    ...validateSpread(spec.topologySpreadConstraints ?? [], `${path}.topologySpreadConstraints`),
    ...validateNames(spec, path),
    ...validateTolerations(spec.tolerations ?? [], `${path}.tolerations`),
    ...validateHostAliases(spec, `${path}.hostAliases`),
    ...validateClasses(spec, path),
  ];
}

function validateNames(spec: PodSpec, path: string): FieldError[] {
  const { serviceAccountName, nodeName, activeDeadlineSeconds, hostname, subdomain } = spec;
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
  if (hostname) errors.push(...complaints(`${path}.hostname`, hostname, dns1123LabelErrors(hostname)));
  if (subdomain) errors.push(...complaints(`${path}.subdomain`, subdomain, dns1123LabelErrors(subdomain)));
  return errors;
}

function validateHostAliases({ hostAliases = [] }: PodSpec, path: string): FieldError[] {
  return hostAliases.flatMap(({ ip, hostnames = [] }, i) => [
    ...complaints(`${path}[${i}].ip`, ip, ipErrors(ip)),
    ...hostnames.flatMap((name, j) =>
      complaints(`${path}[${i}].hostnames[${j}]`, name, dns1123SubdomainErrors(name)),
    ),
  ]);
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

/** The template of a workload's pods. */
export function validatePodTemplate({ metadata, spec = noSpec }: PodTemplate, path: string): FieldError[] {
  const errors = [
    ...validateLabels(metadata?.labels, `${path}.labels`),
    ...validateAnnotations(metadata?.annotations, `${path}.annotations`),
    ...validatePodSpec(spec, `${path}.spec`),
  ];
  if ((spec.ephemeralContainers?.length ?? 0) > 0) {
    errors.push(
      field.forbidden(`${path}.spec.ephemeralContainers`, "ephemeral containers not allowed in pod template"),
    );
  }
  return errors;
}

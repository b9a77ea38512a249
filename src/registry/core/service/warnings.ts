import { ipWarnings } from "../../rules/ip-warnings.ts";
import { isHeadless, type Service } from "./types.ts";

const hintsAnnotation = "service.kubernetes.io/topology-aware-hints";
const modeAnnotation = "service.kubernetes.io/topology-mode";

/** What of a Service does nothing, or will not for long: upstream's GetWarningsForService. */
export function serviceWarnings(service: Service): string[] {
  const { metadata, spec } = service;
  const { externalIPs = [], loadBalancerIP = "", externalName, trafficDistribution } = spec;
  const warnings: string[] = [];
  if (metadata.annotations?.[hintsAnnotation] !== undefined)
    warnings.push(`annotation ${hintsAnnotation} is deprecated, please use ${modeAnnotation} instead`);
  if (!isHeadless(service))
    warnings.push(...(spec.clusterIPs ?? []).flatMap((ip, i) => ipWarnings(`spec.clusterIPs[${i}]`, ip)));
  else {
    if (loadBalancerIP !== "") warnings.push("spec.loadBalancerIP is ignored for headless services");
    if (externalIPs.length > 0) warnings.push("spec.externalIPs is ignored for headless services");
    if (spec.sessionAffinity !== "None")
      warnings.push("spec.SessionAffinity is ignored for headless services");
  }
  warnings.push(
    ...externalIPs.flatMap((ip, i) => ipWarnings(`spec.externalIPs[${i}]`, ip)),
    ...ipWarnings("spec.loadBalancerIP", loadBalancerIP),
  );
  if (spec.type === "ExternalName" && externalIPs.length > 0)
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (spec.type !== "ExternalName" && externalName)
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  if (trafficDistribution === "PreferClose")
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  return warnings;
}

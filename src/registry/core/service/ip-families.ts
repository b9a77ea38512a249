import { type FieldError, field } from "../../../apimachinery/index.ts";
import type { IpFamily, Service } from "./types.ts";
import { isHeadless } from "./types.ts";

/**
 * Fills in `ipFamilies` and `ipFamilyPolicy`, before addresses are handed out: what the client left open follows from the addresses
 * it chose and from what the cluster has. Changes the Service in place.
 */
export function initIpFamilies(service: Service, available: readonly IpFamily[]): FieldError[] {
  const { spec } = service;
  if (spec.type === "ExternalName") return [];
  const primary = available[0] as IpFamily;
  if (isHeadless(service) && Object.keys(spec.selector ?? {}).length === 0) {
    // Its endpoints are somebody's own, of whatever family, also where the cluster has only one.
    spec.ipFamilyPolicy ??= "RequireDualStack";
    spec.ipFamilies = withSecond(spec.ipFamilies ?? [primary], spec.ipFamilyPolicy !== "SingleStack");
    return [];
  }
  if (spec.ipFamilyPolicy === undefined) {
    const wantsTwo = (spec.clusterIPs?.length ?? 0) === 2 || (spec.ipFamilies?.length ?? 0) === 2;
    spec.ipFamilyPolicy = wantsTwo ? "RequireDualStack" : "SingleStack";
  }
  const errors: FieldError[] = [];
  if (spec.ipFamilyPolicy === "RequireDualStack" && available.length < 2) {
    const detail = "this cluster is not configured for dual-stack services";
    errors.push(field.invalid("spec.ipFamilyPolicy", spec.ipFamilyPolicy, detail));
  }
  spec.ipFamilies?.forEach((family, i) => {
    if (!available.includes(family)) {
      errors.push(field.invalid(`spec.ipFamilies[${i}]`, family, "not configured on this cluster"));
    }
  });
  if (errors.length > 0) return errors;
  const families = spec.ipFamilies?.length
    ? spec.ipFamilies
    : [familyOfFirst(spec.clusterIPs?.[0]) ?? primary];
  spec.ipFamilies = withSecond(families, spec.ipFamilyPolicy !== "SingleStack" && available.length > 1);
  return [];
}

function withSecond(families: IpFamily[], wanted: boolean): IpFamily[] {
  const [first = "IPv4"] = families;
  if (!wanted || families.length > 1) return families;
  return [first, first === "IPv4" ? "IPv6" : "IPv4"];
}

function familyOfFirst(clusterIp: string | undefined): IpFamily | undefined {
  if (clusterIp === undefined || clusterIp === "None") return undefined;
  return clusterIp.includes(":") ? "IPv6" : "IPv4";
}

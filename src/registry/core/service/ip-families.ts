import { deepEqual, type FieldError, field } from "../../../apimachinery/index.ts";
import type { IpFamily, Service } from "./types.ts";
import { isHeadless } from "./types.ts";
import { validateClusterIps } from "./validate.ts";

const policyPath = "spec.ipFamilyPolicy";

/**
 * Fills in `ipFamilies` and `ipFamilyPolicy`, before addresses are handed out: what the client left open follows from what was (`old`), from the
 * addresses it chose and from the families the cluster has, the first of which is the usual one. Changes the Service in place.
 * pkg/registry/core/service/storage/alloc.go, initIPFamilyFields.
 */
export function initIpFamilies(
  service: Service,
  old: Service | undefined,
  available: readonly IpFamily[],
): FieldError[] {
  const { spec } = service;
  if (spec.type === "ExternalName" || prefersAsBefore(service, old)) return [];
  spec.ipFamilyPolicy ??= old?.spec.ipFamilyPolicy ?? (isOpen(service) ? "RequireDualStack" : "SingleStack");
  const malformed = validateClusterIps(service, old);
  if (malformed.length > 0) return malformed;
  const errors = old === undefined ? [] : reduce(service, old);
  errors.push(...policyProblems(service));
  errors.push(...inferFamilies(service, available));
  if (errors.length > 0) return errors;
  if (isOpen(service)) {
    // Its endpoints are somebody's own, of whatever family, also where the cluster has only one.
    spec.ipFamilies = withSecond(spec.ipFamilies ?? [], available[0], spec.ipFamilyPolicy !== "SingleStack");
    return [];
  }
  errors.push(...unavailable(service, available));
  if (errors.length > 0) return errors;
  const wantsTwo = spec.ipFamilyPolicy !== "SingleStack" && available.length === 2;
  spec.ipFamilies = withSecond(spec.ipFamilies ?? [], available[0], wantsTwo);
  return [];
}

/** A Service that prefers two families keeps those it has, whatever the cluster has come to, until somebody changes them. */
export function prefersAsBefore({ spec }: Service, old: Service | undefined): boolean {
  const prefers = "PreferDualStack";
  return (
    old !== undefined &&
    spec.type === old.spec.type &&
    spec.ipFamilyPolicy === prefers &&
    (old.spec.ipFamilyPolicy ?? prefers) === prefers &&
    deepEqual(spec.clusterIPs ?? [], old.spec.clusterIPs ?? []) &&
    deepEqual(spec.ipFamilies ?? [], old.spec.ipFamilies ?? [])
  );
}

/** Headless and without a selector. */
function isOpen(service: Service): boolean {
  return isHeadless(service) && Object.keys(service.spec.selector ?? {}).length === 0;
}

/** To one family: by the policy, and by it alone. */
function reduce({ spec }: Service, { spec: before }: Service): FieldError[] {
  const { ipFamilyPolicy, clusterIPs = [], ipFamilies = [] } = spec;
  if (ipFamilyPolicy === "SingleStack") {
    if (clusterIPs.length > 1 && deepEqual(clusterIPs, before.clusterIPs))
      spec.clusterIPs = clusterIPs.slice(0, 1);
    if (ipFamilies.length > 1 && deepEqual(ipFamilies, before.ipFamilies))
      spec.ipFamilies = ipFamilies.slice(0, 1);
    return [];
  }
  const errors: FieldError[] = [];
  const refuse = (what: string): void => {
    errors.push(
      field.invalid(policyPath, ipFamilyPolicy, `must be 'SingleStack' to release the secondary ${what}`),
    );
  };
  const isFewer = (now: readonly unknown[], then: readonly unknown[] = []) =>
    now.length > 0 && now.length < then.length;
  if (isFewer(clusterIPs, before.clusterIPs)) refuse("cluster IP");
  if (isFewer(ipFamilies, before.ipFamilies)) refuse("IP family");
  return errors;
}

function policyProblems({ spec }: Service): FieldError[] {
  if (spec.ipFamilyPolicy !== "SingleStack") return [];
  const problem = (what: string): FieldError =>
    field.invalid(
      policyPath,
      spec.ipFamilyPolicy,
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
    );
  return [
    ...(spec.clusterIPs?.length === 2 ? [problem("cluster IPs")] : []),
    ...(spec.ipFamilies?.length === 2 ? [problem("IP families")] : []),
  ];
}

/** An address tells its family. */
function inferFamilies({ spec }: Service, available: readonly IpFamily[]): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, address] of (spec.clusterIPs ?? []).entries()) {
    if (address === "None") break;
    if (i < (spec.ipFamilies?.length ?? 0)) continue;
    const family: IpFamily = address.includes(":") ? "IPv6" : "IPv4";
    if (available.includes(family)) spec.ipFamilies = [...(spec.ipFamilies ?? []), family];
    else
      errors.push(
        field.invalid(
          `spec.clusterIPs[${i}]`,
          spec.clusterIPs,
          `${family} is not configured on this cluster`,
        ),
      );
  }
  return errors;
}

function unavailable({ spec }: Service, available: readonly IpFamily[]): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.ipFamilyPolicy === "RequireDualStack" && available.length < 2) {
    const detail = "this cluster is not configured for dual-stack services";
    errors.push(field.invalid(policyPath, spec.ipFamilyPolicy, detail));
  }
  spec.ipFamilies?.forEach((family, i) => {
    if (!available.includes(family))
      errors.push(field.invalid(`spec.ipFamilies[${i}]`, family, "not configured on this cluster"));
  });
  return errors;
}

function withSecond(given: IpFamily[], primary: IpFamily = "IPv4", wanted: boolean): IpFamily[] {
  const families = given.length > 0 ? given : [primary];
  if (!wanted || families.length > 1) return families;
  const [first] = families;
  return [first as IpFamily, first === "IPv4" ? "IPv6" : "IPv4"];
}

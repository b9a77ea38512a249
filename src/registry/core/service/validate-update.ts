import { deepEqual, type FieldError, field } from "../../../apimachinery/index.ts";
import { isHeadless, needsHealthCheckPort, type Service } from "./types.ts";
import { validateClass, validateService } from "./validate.ts";

const onceSet = "may not change once set";

/** What of a Service may change, and what it then must be: ValidateServiceUpdate of pkg/apis/core/validation. */
export function validateServiceUpdate(next: Service, old: Service): FieldError[] {
  return [
    ...validateAddresses(next, old),
    ...validateFamilies(next, old),
    ...validateSameClass(next, old),
    ...validateClass(next),
    ...validateHealthCheckPort(next, old),
    ...validateService(next, old),
  ];
}

const isExternalName = ({ spec }: Service): boolean => spec.type === "ExternalName";

/** Addresses stay for the life of a Service, unless it becomes or was an ExternalName. */
function validateAddresses(next: Service, old: Service): FieldError[] {
  if (isExternalName(next) || isExternalName(old) || (isHeadless(next) && isHeadless(old))) return [];
  const after = next.spec.clusterIPs ?? [];
  return validateList(next, {
    before: old.spec.clusterIPs ?? [],
    after,
    path: "spec.clusterIPs",
    shown: after,
    isUnset: after.length === 0,
    name: "clusterIP",
  });
}

/** So do families, but where there is no address. */
function validateFamilies(next: Service, old: Service): FieldError[] {
  if (isExternalName(next) || isExternalName(old) || isHeadless(next) || isHeadless(old)) return [];
  const before = old.spec.ipFamilies ?? [];
  const after = next.spec.ipFamilies ?? [];
  return validateList(next, {
    before,
    after,
    path: "spec.ipFamilies",
    // Upstream shows the addresses, where the number of families changes.
    shown: before.length === after.length ? after : next.spec.clusterIPs,
    isUnset: (next.spec.clusterIPs ?? []).length === 0,
    name: "ipFamily",
  });
}

interface Change {
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly path: string;
  readonly shown: unknown;
  readonly isUnset: boolean;
  readonly name: string;
}

function validateList(
  { spec }: Service,
  { before, after, path, shown, isUnset, name }: Change,
): FieldError[] {
  const changed = (i: number): FieldError => field.invalid(`${path}[${i}]`, shown, onceSet);
  if (before.length === after.length)
    return before.flatMap((one, i) => (one === after[i] ? [] : [changed(name === "ipFamily" ? 0 : i)]));
  const errors: FieldError[] = [];
  const isFewer = after.length < before.length;
  if (isFewer && isUnset) errors.push(field.invalid(`${path}[0]`, after, `primary ${name} can not be unset`));
  if (before.length > 0 && after.length > 0 && before[0] !== after[0]) errors.push(changed(0));
  if (isFewer && after.length === 1 && spec.ipFamilyPolicy !== "SingleStack") {
    const detail = `must be set to 'SingleStack' when releasing the secondary ${name}`;
    errors.push(field.invalid("spec.ipFamilyPolicy", spec.ipFamilyPolicy ?? null, detail));
  }
  return errors;
}

function validateSameClass({ spec }: Service, old: Service): FieldError[] {
  if (spec.type !== "LoadBalancer" || old.spec.type !== "LoadBalancer") return [];
  if (deepEqual(spec.loadBalancerClass, old.spec.loadBalancerClass)) return [];
  return [field.invalid("spec.loadBalancerClass", spec.loadBalancerClass ?? null, onceSet)];
}

function validateHealthCheckPort(next: Service, old: Service): FieldError[] {
  if (!needsHealthCheckPort(next) || !needsHealthCheckPort(old)) return [];
  if (next.spec.healthCheckNodePort === old.spec.healthCheckNodePort) return [];
  return [field.forbidden("spec.healthCheckNodePort", "field is immutable")];
}

import {
  deepEqual,
  type FieldError,
  field,
  formatIp,
  type KubeObject,
  parseCidr,
  parseIp,
} from "../../apimachinery/index.ts";
import { validateCidr } from "../rules/ip.ts";
import { fieldIsImmutable } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";

/** A range of addresses that Services may have besides those the server was started with. */
interface ServiceCidr extends KubeObject {
  spec?: { cidrs?: string[] };
  status?: { conditions?: { type?: string; status?: string }[] };
}

const familiesMax = 2;

export const serviceCidrStrategy: Strategy<ServiceCidr> = {
  namespaced: false,
  validate: ({ spec }) => validateCidrs(spec?.cidrs ?? []),
  validateUpdate: (next, old) => validateSameCidrs(next.spec?.cidrs, old.spec?.cidrs ?? []),
  status: {
    prepareForUpdate: (next, old) => {
      next.spec = old.spec ?? {};
      const { managedFields } = next.metadata;
      next.metadata = { ...old.metadata, ...(managedFields && { managedFields }) };
      return next;
    },
  },
  tableRow: (object, now) => [nameOf(object), (object.spec?.cidrs ?? []).join(","), age(object, now)],
};

/** Whether addresses may be taken from it: somebody has said so, and it does not go. */
function isReady({ metadata, status }: ServiceCidr): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  return status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") ?? false;
}

function validateCidrs(cidrs: readonly string[]): FieldError[] {
  const path = "spec.cidrs";
  if (cidrs.length === 0) return [field.required(path, "at least one CIDR required")];
  if (cidrs.length > familiesMax) {
    // Upstream prints its internal form.
    return [field.invalid(path, { CIDRs: cidrs }, "may only hold up to 2 values")];
  }
  const errors = cidrs.flatMap((cidr, i) => validateStrictCidr(`${path}[${i}]`, cidr));
  const [first, second] = cidrs.map(parseCidr);
  if (first !== undefined && first.family === second?.family) {
    const rule = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
    errors.push(field.invalid(path, cidrs, rule));
  }
  return errors;
}

/** Of the ways to write a range only the network's own address and its length. */
function validateStrictCidr(path: string, text: string): FieldError[] {
  const cidr = parseCidr(text);
  if (cidr === undefined) return validateCidr(path, text);
  const [address = "", bits = ""] = text.split("/");
  const ip = parseIp(address);
  const leadingZero = /(^|\.)0\d/;
  if ((!address.includes(":") && leadingZero.test(address)) || /^0\d/.test(bits)) {
    return [field.invalid(path, text, "must not have leading 0s in IP or prefix length")];
  }
  if (ip?.family === 4 && address.includes(":")) {
    return [field.invalid(path, text, "must not have an IPv4-mapped IPv6 address")];
  }
  if (ip?.value === cidr.base) return [];
  return [field.invalid(path, text, "must not have bits set beyond the prefix length")];
}

/** A second family may come to the first; nothing else changes. */
function validateSameCidrs(given: readonly string[] | undefined, old: readonly string[]): FieldError[] {
  const next = given ?? [];
  if (deepEqual(next, old)) return [];
  const changed = (i: number): FieldError[] =>
    next[i] === old[i] ? [] : [field.invalid(`spec.cidrs[${i}]`, next[i], fieldIsImmutable)];
  if (next.length === old.length) return old.flatMap((_, i) => changed(i));
  if (old.length === 1 && next.length === familiesMax) return [...changed(0), ...validateCidrs(next)];
  return [field.invalid("spec.cidrs", given ?? null, fieldIsImmutable)];
}

/** The ranges of one family that ready ServiceCIDRs name, in canonical form. */
export function readyRanges(objects: Iterable<KubeObject>, family: 4 | 6): string[] {
  const ranges = new Set<string>();
  for (const object of objects as Iterable<ServiceCidr>) {
    if (!isReady(object)) continue;
    for (const text of object.spec?.cidrs ?? []) {
      const cidr = parseCidr(text);
      if (cidr?.family !== family) continue;
      ranges.add(`${formatIp({ family, value: cidr.base })}/${cidr.prefixLength}`);
    }
  }
  return [...ranges];
}

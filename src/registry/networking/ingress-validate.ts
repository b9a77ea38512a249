import {
  dns1123SubdomainErrors,
  type FieldError,
  field,
  nameIsDns1035Label,
  nameIsDnsLabel,
  nameIsDnsSubdomain,
  parseIp,
  portNameErrors,
  portNumberErrors,
  wildcardSubdomainErrors,
} from "../../apimachinery/index.ts";
import { complaints } from "../rules/values.ts";
import { type ObjectReference, validateObjectReference } from "./object-reference.ts";

/** Upstream's ValidateIngressCreate and ValidateIngressUpdate, in their order. */

export interface IngressSpec {
  ingressClassName?: string;
  defaultBackend?: IngressBackend;
  tls?: { hosts?: string[]; secretName?: string }[];
  rules?: IngressRule[];
}

interface IngressRule {
  host?: string;
  http?: { paths?: IngressPath[] | null };
}

interface IngressPath {
  path?: string;
  pathType?: string | null;
  backend: IngressBackend;
}

interface IngressBackend {
  service?: { name: string; port?: { name?: string; number?: number } };
  resource?: ObjectReference;
}

export interface IngressStatus {
  loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] };
}

/** What is let through since the object had it when rules were looser. */
export interface IngressTolerance {
  readonly secretNames: boolean;
  readonly wildcardRules: boolean;
  /** Service names that begin with a digit. */
  readonly relaxedServiceNames: boolean;
}

export const strictIngress: IngressTolerance = {
  secretNames: false,
  wildcardRules: false,
  relaxedServiceNames: false,
};

export function ingressTolerance(old: IngressSpec): IngressTolerance {
  const rules = old.rules ?? [];
  const paths = rules.flatMap(({ http }) => http?.paths ?? []);
  const backends = [old.defaultBackend, ...paths.map(({ backend }) => backend)];
  return {
    secretNames: (old.tls ?? []).some(({ secretName }) => secretNameErrors(secretName).length > 0),
    wildcardRules: rules.some(
      (rule) => rule.host?.includes("*") === true && validateRuleValue(rule, "", strictIngress).length > 0,
    ),
    relaxedServiceNames: backends.some((backend) => {
      const name = backend?.service?.name ?? "";
      return nameIsDnsLabel(name, false).length === 0 && nameIsDns1035Label(name, false).length > 0;
    }),
  };
}

export function validateIngressSpec(spec: IngressSpec, tolerance: IngressTolerance): FieldError[] {
  const { defaultBackend, ingressClassName, rules = [], tls = [] } = spec;
  const errors: FieldError[] = [];
  if (rules.length === 0 && defaultBackend === undefined) {
    errors.push(
      field.invalid("spec", spec.rules ?? null, "either `defaultBackend` or `rules` must be specified"),
    );
  }
  if (defaultBackend !== undefined) {
    errors.push(...validateBackend(defaultBackend, "spec.defaultBackend", tolerance));
  }
  rules.forEach((rule, i) => void errors.push(...validateRule(rule, `spec.rules[${i}]`, tolerance)));
  tls.forEach(({ hosts, secretName }, i) => {
    const path = `spec.tls[${i}]`;
    hosts?.forEach((host, j) => void errors.push(...validateHost(host, `${path}.hosts[${j}]`)));
    if (!tolerance.secretNames) {
      errors.push(...complaints(`${path}.secretName`, secretName, secretNameErrors(secretName)));
    }
  });
  if (ingressClassName !== undefined) {
    const problems = nameIsDnsSubdomain(ingressClassName, false);
    errors.push(...complaints("spec.ingressClassName", ingressClassName, problems));
  }
  return errors;
}

export function validateIngressStatus(status: IngressStatus = {}, old: IngressStatus = {}): FieldError[] {
  const known = new Set((old.loadBalancer?.ingress ?? []).map(({ ip }) => ip));
  return (status.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }, i) => {
    const path = `status.loadBalancer.ingress[${i}]`;
    const errors: FieldError[] = [];
    if (ip && !known.has(ip) && parseIp(ip) === undefined) {
      errors.push(
        field.invalid(`${path}.ip`, ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
      );
    }
    if (hostname) {
      errors.push(...complaints(`${path}.hostname`, hostname, dns1123SubdomainErrors(hostname)));
      if (parseIp(hostname) !== undefined) errors.push(field.invalid(`${path}.hostname`, hostname, notAnIp));
    }
    return errors;
  });
}

const notAnIp = "must be a DNS name, not an IP address";

const secretNameErrors = (name: string | undefined): string[] =>
  name ? nameIsDnsSubdomain(name, false) : [];

function validateHost(host: string, path: string): FieldError[] {
  return complaints(
    path,
    host,
    host.includes("*") ? wildcardSubdomainErrors(host) : dns1123SubdomainErrors(host),
  );
}

function validateRule(rule: IngressRule, path: string, tolerance: IngressTolerance): FieldError[] {
  const { host } = rule;
  const errors: FieldError[] = [];
  if (host) {
    if (parseIp(host) !== undefined) errors.push(field.invalid(`${path}.host`, host, notAnIp));
    errors.push(...validateHost(host, `${path}.host`));
  }
  if (tolerance.wildcardRules && host?.includes("*") === true) return errors;
  return [...errors, ...validateRuleValue(rule, path, tolerance)];
}

function validateRuleValue({ http }: IngressRule, path: string, tolerance: IngressTolerance): FieldError[] {
  if (http === undefined) return [];
  const paths = http.paths ?? [];
  if (paths.length === 0) return [field.required(`${path}.http.paths`, "")];
  return paths.flatMap((entry, i) => validatePath(entry, `${path}.http.paths[${i}]`, tolerance));
}

const pathTypes = ["Exact", "ImplementationSpecific", "Prefix"];
/** What proxies read differently from each other. */
const ambiguousSequences = ["//", "/./", "/../", "%2f", "%2F"];
const ambiguousSuffixes = ["/..", "/."];

function validatePath(entry: IngressPath, at: string, tolerance: IngressTolerance): FieldError[] {
  const { path = "", pathType, backend } = entry;
  if (pathType === undefined || pathType === null)
    return [field.required(`${at}.pathType`, "pathType must be specified")];
  const errors: FieldError[] = [];
  const complain = (detail: string): unknown => errors.push(field.invalid(`${at}.path`, path, detail));
  switch (pathType) {
    case "Exact":
    case "Prefix":
      if (!path.startsWith("/")) complain("must be an absolute path");
      for (const part of ambiguousSequences) if (path.includes(part)) complain(`must not contain '${part}'`);
      for (const part of ambiguousSuffixes) if (path.endsWith(part)) complain(`cannot end with '${part}'`);
      break;
    case "ImplementationSpecific":
      if (path !== "" && !path.startsWith("/")) complain("must be an absolute path");
      break;
    default:
      errors.push(field.notSupported(`${at}.pathType`, pathType, pathTypes));
  }
  return [...errors, ...validateBackend(backend, `${at}.backend`, tolerance)];
}

function validateBackend(
  { service, resource }: IngressBackend,
  path: string,
  tolerance: IngressTolerance,
): FieldError[] {
  if (service !== undefined && resource !== undefined) {
    return [field.invalid(path, "", "cannot set both resource and service backends")];
  }
  if (resource !== undefined) return validateObjectReference(resource, `${path}.resource`);
  if (service === undefined) return [field.invalid(path, "", "resource or service backend is required")];
  const errors: FieldError[] = [];
  if (!service.name) errors.push(field.required(`${path}.service.name`, ""));
  else {
    const check = tolerance.relaxedServiceNames ? nameIsDnsLabel : nameIsDns1035Label;
    errors.push(...complaints(`${path}.service.name`, service.name, check(service.name, false)));
  }
  const { name, number } = service.port ?? {};
  if (name && number) errors.push(field.invalid(path, "", "cannot set both port name & port number"));
  else if (name) errors.push(...complaints(`${path}.service.port.name`, name, portNameErrors(name)));
  else if (number)
    errors.push(...complaints(`${path}.service.port.number`, number, portNumberErrors(number)));
  else errors.push(field.required(path, "port name or number is required"));
  return errors;
}
